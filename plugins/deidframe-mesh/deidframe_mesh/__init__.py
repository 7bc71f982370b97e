"""A mesh over each face."""
