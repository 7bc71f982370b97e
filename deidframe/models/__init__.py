"""Weights (found, fetched, verified) and the one inference engine; plugins may import this room for their weights."""
