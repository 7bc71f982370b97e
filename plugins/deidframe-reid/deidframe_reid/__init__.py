"""Attacker `nearest-face`: the measuring instrument of a privacy evaluation."""
