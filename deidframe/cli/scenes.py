"""What the shell is told of released scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deidframe.engine.scenes.folder import Outcome


def say(done: Outcome) -> None:
    """Print where a release lies, what was counted, what holds and what does not."""
    print(f"{done.folder}: {done.certificate.kind}, {done.certificate.cover}")
    for check in done.certificate.checks:
        print(f"  {check.words}")
    for sentence in done.certificate.holds:
        print(f"holds: {sentence}")
    for sentence in done.certificate.holds_not:
        print(f"not promised: {sentence}")
    for reason, count in done.certificate.count.withheld.items():
        print(f"withheld: {count} ({reason})")
