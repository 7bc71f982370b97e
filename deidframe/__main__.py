"""`python -m deidframe`."""

from __future__ import annotations

from deidframe.cli.main import entry

entry()
