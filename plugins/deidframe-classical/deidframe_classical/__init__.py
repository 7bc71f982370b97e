"""Synthesizers of the classical k-Same line, fitted on the database at hand."""
