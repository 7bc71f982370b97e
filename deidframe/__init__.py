"""deidframe: de-identify face databases, prove k-anonymity, and measure what an attacker can still do."""

from __future__ import annotations

__version__ = "0.1.0"
