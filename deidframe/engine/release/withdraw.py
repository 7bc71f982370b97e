"""The last act of a run: a release whose files are no longer those that were checked is taken back."""

from __future__ import annotations

import os
import shutil
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
        verdict = verify(folder)
        if not verdict.problems:
            continue
        home = run / "private" / WITHDRAWN / folder.name
        home.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.rmtree(home, ignore_errors=True)
        os.rename(folder, home)  # noqa: PTH104 - one step, so that nothing of it stays
        found[folder.name] = verdict.problems[0]
    return found
