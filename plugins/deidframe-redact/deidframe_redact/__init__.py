"""Redactors: blur, pixelate, mask, and none."""
