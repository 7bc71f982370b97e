"""The version of the contract between the core and plugins."""

from __future__ import annotations

CONTRACT_VERSION = 2
"""Raised by one when a component written for the previous contract would no longer work."""
