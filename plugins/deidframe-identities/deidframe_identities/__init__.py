"""Clusterers of identities: which pictures show one person. Noise is -1."""
