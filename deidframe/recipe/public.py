"""What a report may show of a recipe: all of it but where things lie on the owner's machine."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

from deidframe.recipe.parse import Parsed

_TEXT = re.compile(r"""("(?:[^"\\\n]|\\.)*"|'[^'\n]*')""")
"""A string of one line, as TOML writes it."""


def public_recipe(parsed: Parsed) -> dict[str, Any]:
    """Return file name, text and `--set` texts, with every path and URL in them cut to its last part."""
    return {
        "file": PurePath(parsed.file).name,
        "text": "\n".join(_cut(line) for line in parsed.text.split("\n")),
        "set": [_cut_override(one) for one in parsed.overrides],
    }


def _cut(line: str) -> str:
    """Return a line without folders; a comment is left out where it has any, for it need not be a string."""
    strings = _TEXT.split(line)
    strings[1::2] = [f"{one[0]}{last_part(one[1:-1])}{one[-1]}" for one in strings[1::2]]
    made = "".join(strings)
    return made.partition("#")[0].rstrip() if re.search(r"#.*[/\\]", made) else made


def _cut_override(text: str) -> str:
    key, is_there, value = text.partition("=")
    quoted = _TEXT.search(value)
    return f"{key}{is_there}{_cut(value) if quoted else last_part(value)}"


_QUOTED = re.compile(r"""(['"])([/~][^'"]*)\1""")
_BARE = re.compile(r"""(?<![\w:/.<'"])/(?:[^\s/'"]+/)+[^\s/'",;:)]*""")


def without_places(words: str) -> str:
    """Return a sentence, such as an error, with the paths of the machine in it cut to their last part."""
    words = _QUOTED.sub(lambda found: f"{found[1]}{last_part(found[2])}{found[1]}", words)
    return _BARE.sub(lambda found: last_part(found[0]), words)


def last_part(text: str) -> str:
    """Return what is behind the last slash of a path or URL, marked, without what may be a secret; anything else as it is."""
    parts = [part for part in re.split(r"[/\\]+", text) if part]
    if "/" not in text and "\\" not in text:
        return text
    return f".../{parts[-1].partition('?')[0].rpartition('@')[2]}" if parts else "..."
