"""What a folder of pictures says of itself: whether it may be shared, why, and what the strongest attack reached."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deidframe.guard.certificate import REAL_FACES, Certificate

WIDTH = 100
NO_PROMISE = "Do not share it as de-identified: this method promises nothing. The pictures are here to be compared with others."


@dataclass(frozen=True)
class Reached:
    """What one attack reached.

    Args:
        attack, encoder: its name, and what it saw with.
        value, low, high: share of people named first, with its 95 % interval.
        chance: the same for guessing.
    """

    attack: str
    encoder: str
    value: float
    low: float
    high: float
    chance: float


@dataclass(frozen=True)
class Statement:
    """A sentence for each question that whoever opens the folder has.

    Args:
        promised: the method promises something and nothing seen breaks it.
        sharing: whether it may be shared, and why.
        attack: what the strongest attack reached, or that none was tried.
        licences: of the weights behind the pictures.
    """

    promised: bool
    sharing: str
    attack: str
    licences: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    def text(self, method: str) -> str:
        """Return README.txt."""
        parts = [f"Pictures made by {method}.", self.sharing, self.attack]
        if self.licences:
            parts.append("Weights of these licences are behind the pictures: " + "; ".join(self.licences) + ".")
        parts.append("RELEASE.json holds the certificate: what was checked, what holds and what does not.")
        return "\n\n".join(textwrap.fill(part, WIDTH) for part in parts) + "\n"


def statement(
    certificate: Certificate,
    attacks: Sequence[Reached],
    licences: Sequence[str],
    broken: str = "",
    unfinished: Sequence[str] = (),
) -> Statement:
    """Return what a folder says of itself.

    Args:
        certificate: of its pictures.
        attacks: those that were tried so far.
        licences: of the weights behind the pictures.
        broken: how an attack broke the promise, "" where none did.
        unfinished: attacks that ended without a result.
    """
    promise = f"{certificate.holds[0]}" if certificate.k_asked is not None else "; ".join(certificate.holds[1:])
    promised = bool(promise) and not broken
    if promised:
        sharing = f"It may be shared for what it promises and for nothing else: {promise}."
        sharing += "".join(f" It shows {said}." for said in certificate.holds_not if said.startswith(REAL_FACES))
    elif broken:
        sharing = f"Do not share it: {broken}."
    else:
        sharing = NO_PROMISE
    return Statement(promised, sharing, tried(attacks, unfinished), tuple(licences))


def tried(attacks: Sequence[Reached], unfinished: Sequence[str] = ()) -> str:
    """Say what the strongest of several attacks reached, and which ended without a result."""
    names = ", ".join(f'"{name}"' for name in unfinished)
    if not attacks:
        if unfinished:
            return f"The attacks on these pictures ended without a result ({names}): what they would reach is not known."
        return "No attack on these pictures has been tried."
    rest = f" Others ended without a result ({names}), and may be stronger." if unfinished else ""
    return _strongest(attacks) + rest


def _strongest(attacks: Sequence[Reached]) -> str:
    one = max(attacks, key=lambda attack: attack.value)
    return (
        f'The strongest attack that was tried ("{one.attack}", seeing with {one.encoder}) named'
        f" {one.value:.2f} [{one.low:.2f}, {one.high:.2f}] of the people right at rank 1, where guessing"
        f" reaches {one.chance:.2f}. Stronger attacks than those may exist."
    )
