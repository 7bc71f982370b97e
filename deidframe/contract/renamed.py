"""What contract version 2 calls otherwise, so that a component of version 1 is told what to change."""

from __future__ import annotations

import re

RENAMED = {
    "Eyes": "Recognizer",
    "Look": "Recognition",
    "Need.EYES": "Need.RECOGNIZER",
    "EYES": "Need.RECOGNIZER",
    "Context.eyes": "Context.recognizer",
    "eyes": "Context.recognizer",
    "Context.others": "Context.recognizers",
    "others": "Context.recognizers",
    "Eyes.look": "Recognizer.recognize",
    "look": "Recognizer.recognize",
    "Component.shares": "Component.one_picture_per_group",
    "shares": "Component.one_picture_per_group",
    "Photos.stamp": "Photos.fingerprint",
    "stamp": "Photos.fingerprint",
    "sees_with": "recognizers (an attribute of the parameters)",
    "independent": "per_group (an attribute of the parameters)",
}
"""Old name -> new name; short forms as Python's own errors quote them. The table for people is docs/extend/contract-2.md."""
PARAMETERS = ("sees_with", "independent")
"""Attributes of parameters that the core would no longer look for."""
_MISSING = re.compile(r"(?:has no attribute|cannot import name|unexpected keyword argument) '(\w+)'")


def renamed_hint(message: str) -> str:
    """Return what to change where an error's message misses a name of contract version 1, else ""."""
    if "required keyword-only argument: 'contract'" in message:
        return "; say for which contract it was written: Component(..., contract=2)"
    found = _MISSING.search(message)
    old = found[1] if found else message  # an enumeration of Python 3.11 says the bare name
    return f"; contract version 2 says {RENAMED[old]} in the place of {old}" if old in RENAMED else ""
