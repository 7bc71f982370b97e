"""Synthesizer `stylegan`: from a group's encoding to the photograph of nobody."""
