"""Runs set beside each other: only what was measured the same way shares a table, and what is left out is named."""
