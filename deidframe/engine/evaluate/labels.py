"""What is known of people besides who they are: columns of the owner's table, and what a network takes them for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from deidframe.contract.artifacts import FaceSet
from deidframe.engine.components.attributes import BAND, people_attributes
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.planning.plan import Plan
from deidframe.recipe.model import APPARENT

CLASSES = 12
"""A column with more values than these makes no classes."""
LEAST = 10
"""People in a class that is told by itself: of fewer, a rate says little of the method and much of them."""


@dataclass(frozen=True)
class Labels:
    """One attribute of people.

    Args:
        name: of the column.
        of: person -> value, where it is known and one.
        by: the owner's table, or the encoder that sees it.
        unfit: why it makes no classes, "" where it does.
    """

    name: str
    of: Mapping[str, str] = field(default_factory=dict)
    by: str = ""
    unfit: str = ""

    def facts(self) -> dict[str, object]:
        """Return what a public record says of it: no value, and nobody's name."""
        return {"by": self.by, "people": len(self.of), "classes": len(set(self.of.values())), "unfit": self.unfit}


def labels_of(pool: ComponentPool, plan: Plan, faces: FaceSet) -> dict[str, Labels]:
    """Return the attributes that a recipe asks for, by name; the apparent ones, too, where an encoder sees them.

    Args:
        pool: of the run.
        plan: with `quality`.
        faces: untouched, with subjects.
    """
    if plan.quality is None or faces.subjects is None:
        return {}
    table = plan.photos.columns
    owned = {name for row in table.values() for name in row}
    wanted = list(dict.fromkeys((*plan.quality.utility, *(APPARENT if plan.quality.attributes else ()))))
    seen = _apparent(pool, plan, faces) if plan.quality.attributes and any(name not in owned for name in wanted) else {}
    out = {}
    for name in wanted:
        of = _owned(faces, table, name) if name in owned else seen.get(name, {})
        by = "the owner's table" if name in owned else plan.quality.attributes.name if plan.quality.attributes else ""
        out[name] = Labels(name, of, by, _unfit(of))
    return out


def _owned(faces: FaceSet, table: Mapping[str, Mapping[str, str]], name: str) -> dict[str, str]:
    """Return what the table says of each person: the value of most of the pictures that have one."""
    said: dict[str, Counter[str]] = {}
    for face, person in zip(faces.ids, faces.subjects or (), strict=True):
        value = table.get(face, {}).get(name, "").strip()
        if value:
            said.setdefault(person, Counter())[value] += 1
    return {person: counts.most_common(1)[0][0] for person, counts in said.items()}


def _apparent(pool: ComponentPool, plan: Plan, faces: FaceSet) -> dict[str, dict[str, str]]:
    assert plan.quality is not None
    assert plan.quality.attributes is not None
    people, male, years, _ = people_attributes(pool, plan.quality.attributes, faces)
    bands = [int(year // BAND) * BAND for year in years]
    return {
        "sex": {person: "male" if one > 0.5 else "female" for person, one in zip(people, male, strict=True)},
        "age_band": {person: f"{band} to {band + BAND - 1}" for person, band in zip(people, bands, strict=True)},
    }


def _unfit(of: Mapping[str, str]) -> str:
    different = len(set(of.values()))
    if not of:
        return "nobody has a value"
    if different == 1:
        return "everybody has the same value"
    return f"it has {different:,} values, and more than {CLASSES} make no classes" if different > CLASSES else ""
