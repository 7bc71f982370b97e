"""One line of `cells.jsonl`: a method, or a method under one attack, with every figure that was measured."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

SCHEMA = 1
METRICS = 1
"""Raised when a figure changes its meaning; rows of different metric versions never share a table."""
ROUNDING = 1e-9
"""By so much a figure may lie above a bound that it reaches exactly."""
Status = Literal["ok", "failed", "refused"]
OVER_BUDGET = "its budget of {budget:g} s was used up before it had looked at every probe"
"""Reason of an attack that was cut short."""


@dataclass(frozen=True)
class Cell:
    """One row of the comparison.

    Args:
        method: name; `attack`: name, or "" for the row of the method itself.
        slug: the method's folder.
        status: ok; failed (an error, recorded); refused (a gate said no).
        reason: why.
        protects: False for untouched faces.
        grouping: it made groups and released nothing.
        foreign: another tool released it, and it was looked at and attacked.
        k: asked, None without.
        k_counted: on the files.
        people, groups, total, released, withheld, failed: counts; total = released + withheld + failed.
        reasons: why pictures are withheld, with counts.
        threat, gallery, encoder: of the attack; encoder also of a grouping.
        sees: encoders that made the method's groups, or by which it was aimed.
        own_encoder: the attack sees with an encoder that made the method's groups, or by which it was aimed.
        settings: of a method, equal where two do the same: components, versions, parameters, k.
        protocol: of an attack, equal where two do the same: attacker, encoder, threat, gallery, versions, parameters.
        candidates: people in the gallery.
        probes, missed: with and without a score.
        stages: stage -> seconds.
        metrics: name -> number, or figure with value, low, high and n.
        by: column -> class of people -> name -> figure, for classes of ten people or more.
        unmeasured: measure of a plugin -> why there is no figure of it.
    """

    method: str
    slug: str
    attack: str = ""
    status: Status = "ok"
    reason: str = ""
    protects: bool = True
    grouping: bool = False
    foreign: bool = False
    k: int | None = None
    k_counted: int | None = None
    people: int = 0
    groups: int | None = None
    total: int = 0
    released: int = 0
    withheld: int = 0
    failed: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    threat: str = ""
    gallery: str = ""
    encoder: str = ""
    sees: tuple[str, ...] = ()
    own_encoder: bool = False
    settings: str = ""
    protocol: str = ""
    candidates: int = 0
    probes: int = 0
    missed: int = 0
    seed: int = 0
    stages: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    by: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    unmeasured: dict[str, str] = field(default_factory=dict)
    certificate: dict[str, Any] | None = None

    @property
    def unfinished(self) -> bool:
        """An attack that failed or was cut short, so that nobody knows what it reaches; not one that had nothing to do."""
        return bool(self.attack) and (self.status != "ok" or self.reason.startswith(OVER_BUDGET.partition("{")[0]))

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data without a NaN anywhere.

        Raises:
            ValueError: a figure is not finite; a missing figure is left out, never NaN.
        """
        data = {"schema": SCHEMA, "metrics_version": METRICS, **asdict(self)}
        _finite(data)
        return data


def _finite(value: Any) -> None:
    if isinstance(value, dict):
        for one in value.values():
            _finite(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            _finite(one)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a record holds a figure that is not finite")
