"""Doing it: a pure plan, then stages with a checked seam between them."""
