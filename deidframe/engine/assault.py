"""Run one attack on one release: who is in the gallery, who is a probe, and what came out."""

from __future__ import annotations

from dataclasses import dataclass

from deidframe.contract.artifacts import FaceSet, LinkScores
from deidframe.contract.errors import ArtifactError, NothingToDo
from deidframe.contract.roles import Knowledge
from deidframe.engine.plan import AttackPlan
from deidframe.engine.seam import at_work, checked
from deidframe.engine.workshop import Workshop, blame
from deidframe.measure.interval import Figure
from deidframe.measure.rank import rank_rates


@dataclass(frozen=True)
class Assault:
    """What an attack reached.

    Args:
        rates: rank -> figure. people: candidates in the gallery. probes, missed: how many gave a score and how many did not.
    """

    rates: dict[int, Figure]
    people: int
    probes: int
    missed: int


def assault(shop: Workshop, attack: AttackPlan, clear: FaceSet, released: FaceSet, cell: str) -> Assault:
    """Attack `released` with all that the threat model gives.

    Args:
        clear: all untouched faces with their people. released: the faces of a method (the clear ones for threat `clear`).

    Raises:
        NothingToDo: the threat model leaves no probe.
    """
    spec = attack.spec
    subjects = clear.subjects or ()
    if spec.gallery == "enrol":
        first: dict[str, int] = {}
        for row, person in enumerate(subjects):
            first.setdefault(person, row)
        gallery = clear.take(list(first.values()))
        enrolled = set(gallery.ids)
        probes = released.take([row for row, face in enumerate(released.ids) if face not in enrolled])
    else:
        gallery, probes = clear, released
    if not len(probes):
        raise NothingToDo(
            f'{cell}: no probe is left beside the enrolled pictures; each person has one picture, say gallery = "exact"'
        )
    person_of = {**dict(zip(clear.ids, subjects, strict=True)), **dict(zip(released.ids, released.subjects or (), strict=True))}
    try:
        made = shop.make(attack.step, attack.encoder)
        # an attacker never sees who a probe is; it knows its own gallery
        with at_work(f"attacker {attack.step.name}", exact=False):
            out = made.attack(probes.without_subjects(), gallery, Knowledge(spec.threat, spec.gallery))
    except Exception as error:
        raise blame(cell, attack.step, error) from error
    scores = checked(out, LinkScores, f"attacker {attack.step.name}")
    for field, got, wanted in (
        ("probe_ids", (*scores.probe_ids, *scores.missed_probes), probes.ids),
        ("gallery_ids", (*scores.gallery_ids, *scores.missed_gallery), gallery.ids),
    ):
        if sorted(got) != sorted(wanted):
            raise ArtifactError(
                f"attacker {attack.step.name}", field, f"all {len(wanted)} faces, scored or missed", f"{len(got)}"
            )
    people = len({person_of[face] for face in scores.gallery_ids})
    return Assault(rank_rates(scores, person_of), people, len(scores.probe_ids), len(scores.missed_probes))
