"""What the processor can do."""

from __future__ import annotations

import functools
import re
from pathlib import Path

CPU = Path("/proc/cpuinfo")


def has_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 (AVX-512 BF16 or AMX), where the system says so; Linux does."""
    return _has("avx512_bf16|amx_bf16")


def has_int8() -> bool:
    """Return whether it sums products of bytes without overflow (VNNI or AMX); older ones would round otherwise, and more."""
    return _has("avx512_vnni|avx_vnni|amx_int8")


@functools.lru_cache(maxsize=8)
def _has(flags: str) -> bool:
    try:
        told = CPU.read_text()
    except OSError:
        return False
    return re.search(rf"^flags\b.*\b({flags})\b", told, re.MULTILINE) is not None
