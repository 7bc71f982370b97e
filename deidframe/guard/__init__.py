"""The gates that a release passes. They count for themselves and believe no plugin."""
