"""What all pages are made with: templates, the style, the one script that sorts tables, and its hash."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import jinja2
from markupsafe import Markup

_TEMPLATES = Path(__file__).parent / "templates"


def environment() -> jinja2.Environment:
    """Return the templates; everything that comes from data is escaped, and a missing value is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def asset(name: str) -> Markup:
    """Return a file that goes into a page as it is."""
    return Markup((_TEMPLATES / name).read_text("utf-8"))


def script_hash(script: str) -> str:
    """Return a script's hash as a content-security policy names it: no other script runs on the page."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
