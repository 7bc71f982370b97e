"""What a terminal cannot show is told by what is nearest to it."""

from __future__ import annotations

import codecs

PLAIN = "deidframe-plain"
"""Error handler of streams: what a terminal cannot show is told by what is nearest to it, or else by its number."""
_NEAREST = str.maketrans(
    {"–": "-", "—": "-", "−": "-", "…": "...", "×": "x", "’": "'", "“": '"', "”": '"', "≥": ">=", "≤": "<=", "±": "+-"}
)


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    near = error.object[error.start : error.end].translate(_NEAREST)
    return near.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error(PLAIN, _plain)
