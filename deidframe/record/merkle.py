"""One hash over many: a tree whose parts can be checked alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def root_of(digests: Sequence[str]) -> str:
    """Return the root over hex digests, in their order.

    Source: Merkle, A digital signature based on a conventional encryption function, CRYPTO 1987; leaves and nodes are told apart
    as in RFC 6962, section 2.1.
    """
    level = [hashlib.sha256(b"\x00" + bytes.fromhex(one)).digest() for one in digests]
    if not level:
        return hashlib.sha256(b"").hexdigest()
    while len(level) > 1:
        pairs = [level[n : n + 2] for n in range(0, len(level), 2)]
        level = [hashlib.sha256(b"\x01" + b"".join(pair)).digest() if len(pair) == 2 else pair[0] for pair in pairs]
    return level[0].hex()
