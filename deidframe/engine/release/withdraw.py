"""The last act of a run: a release whose files are no longer those that were checked is taken back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from pathlib import Path

from deidframe.engine.release.verify import verify
from deidframe.record.release import release_folders

WITHDRAWN = "withdrawn"
"""Under `private`."""


def withdraw_changed(run: Path) -> dict[str, str]:
    """Verify every release of a run and move those under `private` that do not hold; return their names, and why.

    A plugin shares the process: a thread that it left behind can write where releases lie.
    """
    found = {}
    for folder in release_folders(run):
        problems = verify(folder).problems
        if problems:
            withdraw(run, folder)
            found[folder.name] = problems[0]
    return found


def take_back(run: Path, *, keep: Collection[str] = ()) -> None:
    """Move every release that is none of these under `private`: no row tells of it."""
    for folder in release_folders(run):
        if folder.name not in keep:
            withdraw(run, folder)


def recorded(run: Path) -> set[str]:
    """Return the methods of which the run's rows tell."""
    try:
        return {json.loads(line)["slug"] for line in (run / "cells.jsonl").read_text("utf-8").splitlines()}
    except (OSError, ValueError, KeyError):
        return set()


def withdraw(run: Path, folder: Path) -> None:
    """Move a release under `private`."""
    home = run / "private" / WITHDRAWN / folder.name
    home.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.rmtree(home, ignore_errors=True)
    folder.replace(home)  # one step, so that nothing of it stays
