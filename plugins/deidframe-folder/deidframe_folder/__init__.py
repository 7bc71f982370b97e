"""Source `folder`: pictures from disk."""
