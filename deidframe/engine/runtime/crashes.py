"""Which method was at work when the process died, so that one that kills it again and again does not keep the others back."""

from __future__ import annotations

import json
from pathlib import Path

from deidframe.record.write import write_json

FILE = "crashes.json"
"""Under `private` while methods are at work; whoever finds it knows that the process died."""
MAX_CRASHES = 3
"""So often may the process die in one method; then the run goes on without it."""


class Crashes:
    """The methods of a run in which the process died.

    A death counts only where nothing new was kept since the method began: who is ended by a scheduler in a long method and goes
    on each time is not at fault.

    Args:
        folder: the run's `private`; what an earlier process left there is counted.
        journal: the list of what the run has kept, which grows while it gets on.
    """

    def __init__(self, folder: Path, journal: Path | None = None) -> None:
        self._path, self._journal = folder / FILE, journal
        self._deaths: dict[str, int] = {}
        try:
            held = json.loads(self._path.read_text("utf-8"))
            self._deaths = {str(method): int(times) for method, times in held["deaths"].items()}
            if self._kept() <= int(held.get("kept", 0)):
                self._deaths[held["at"]] = self._deaths.get(held["at"], 0) + 1
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass

    def deaths(self, method: str) -> int:
        """Return how often the process died while this method was at work."""
        return self._deaths.get(method, 0)

    def begin(self, method: str) -> None:
        """Note that this method is at work now."""
        write_json(self._path, {"at": method, "deaths": self._deaths, "kept": self._kept()}, private=True)

    def _kept(self) -> int:
        try:
            return self._journal.stat().st_size if self._journal is not None else 0
        except OSError:
            return 0

    def end(self) -> None:
        """Forget everything: the process came to an end of its own."""
        self._path.unlink(missing_ok=True)
