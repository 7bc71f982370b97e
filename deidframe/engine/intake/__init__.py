"""From photos to aligned faces of known people."""
