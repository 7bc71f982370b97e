"""Single steps for the command line."""
