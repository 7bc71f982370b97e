"""From protected faces to files that may be shared, and their checks afterwards."""
