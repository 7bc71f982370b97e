"""CenterFace: a second detector."""
