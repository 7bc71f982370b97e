"""What the processor can do."""

from __future__ import annotations

import functools
import re
from pathlib import Path

CPU = Path("/proc/cpuinfo")


@functools.lru_cache(maxsize=1)
def has_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 (AVX-512 BF16 or AMX), where the system says so; Linux does."""
    try:
        flags = CPU.read_text()
    except OSError:
        return False
    return re.search(r"^flags\b.*\b(avx512_bf16|amx_bf16)\b", flags, re.MULTILINE) is not None
