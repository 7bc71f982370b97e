"""Doing it: rooms in the order of a run, and one place in which components are called."""
