"""Seeds that depend on the run's seed and a name alone, never on order, threads or batch size."""

from __future__ import annotations

import hashlib
import hmac


def derive(seed: int, name: str) -> int:
    """Return HMAC-SHA256(seed, name) as an integer from 0 to 2**63 - 1."""
    digest = hmac.new(str(seed).encode(), name.encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") >> 1
