"""Before groups are made: is every label one person, and every person one label?"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import ReleaseRefused, UsageError
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.intake.take_in import Intake
from deidframe.engine.planning.plan import GatePlan
from deidframe.engine.runtime.progress import Reporter
from deidframe.guard.hygiene import encode_jpeg
from deidframe.guard.release import Vouched
from deidframe.guard.same_person import Doubt, Looked, look, merged
from deidframe.record.write import write_bytes
from deidframe.words import counted

STRAY = "does not show the face of its label's other pictures"
LIST = "same_person.csv"
COLUMNS = ("a", "b", "cosine", "why", "same")
SHOWN = 40
"""Pairs of which pictures are kept, at most."""


@dataclass(frozen=True)
class CheckedPeople:
    """The faces under labels of which each is one person, as far as an encoder can tell.

    Args:
        intake: without strays, and with doubted labels merged where that was asked for.
        vouched: who says who is who, for the certificate.
        facts: the same for the record.
    """

    intake: Intake
    vouched: Vouched
    facts: dict[str, Any]


def check_people(
    pool: ComponentPool,
    intake: Intake,
    gate: GatePlan,
    fingerprints: Mapping[str, str],
    by: str,
    folder: Path,
    reporter: Reporter,
    *,
    with_originals: bool,
) -> CheckedPeople:
    """Compare labels and pictures, withhold strays, and stop, merge or go on as the recipe says.

    Args:
        gate: the encoder and the decision.
        fingerprints: of the photos by id.
        by: who made the labels, in words.
        folder: `private` of the run, for the list of doubts.
        with_originals: also keep pictures of the pairs there.

    Raises:
        ReleaseRefused: two labels look like one person and nobody has decided; nothing was released.
        UsageError: the file of decisions cannot be read.
    """
    if gate.encoder is None:
        return CheckedPeople(intake, Vouched(by), {"encoder": None})
    known = gate.encoder.loaded.component.same_person
    assert known is not None, "the planner takes an encoder that can tell"
    faces = intake.faces
    labels = faces.subjects or ()
    vectors = pool.encode(gate.encoder, faces).vectors
    looked = look(vectors, labels, [fingerprints.get(face, "") for face in faces.ids], known)
    if looked.strays:
        reporter.say(f"  {counted(len(looked.strays), 'picture')} withheld: {STRAY}")
    alike, apart, open_ = _decided(looked.doubts, gate)
    if looked.doubts:
        write_bytes(folder / LIST, _csv(looked.doubts, alike, apart).encode("utf-8", "surrogateescape"), private=True)
        if with_originals:
            write_bytes(folder / "same_person.jpg", _pictures(faces, looked.doubts[:SHOWN]), private=True)
    if open_:
        raise ReleaseRefused(_stopped(open_, folder / LIST))
    kept = np.setdiff1d(np.arange(len(faces)), looked.strays)
    if not len(kept):
        raise ReleaseRefused("no picture shows the face of its label's other pictures; is every folder one person?")
    taken = faces.take(kept.tolist())
    names = merged(taken.subjects or (), alike)
    if alike:
        before, after = len(set(taken.subjects or ())), len(set(names))
        reporter.say(f"  {counted(before - after, 'label')} merged: {after} people under {before} labels")
    withheld = {**intake.withheld, **{faces.ids[row]: STRAY for row in looked.strays}}
    checked = FaceSet(taken.ids, taken.images, taken.landmarks, names)
    vouched = Vouched(
        by, gate.encoder.name, looked.labels, looked.found, looked.exact, len(alike), len(apart), len(looked.strays)
    )
    return CheckedPeople(replace(intake, faces=checked, withheld=withheld), vouched, _facts(looked, vouched))


def _facts(looked: Looked, vouched: Vouched) -> dict[str, Any]:
    return {
        "encoder": vouched.encoder,
        "labels": looked.labels,
        "found": looked.found,
        "exact": looked.exact,
        "merged": vouched.merged,
        "apart": vouched.apart,
        "strays": vouched.strays,
    }


def _decided(doubts: Sequence[Doubt], gate: GatePlan) -> tuple[list[Doubt], list[Doubt], list[Doubt]]:
    """Return the pairs that are one person, those that are two, and those of which nobody has said it."""
    if gate.decision == "merge":
        return list(doubts), [], []
    if gate.decision == "apart":
        return [], list(doubts), []
    said = read_decisions(gate.decisions) if gate.decisions else {}
    same = [one for one in doubts if said.get((one.a, one.b)) is True]
    different = [one for one in doubts if said.get((one.a, one.b)) is False]
    return same, different, [one for one in doubts if (one.a, one.b) not in said]


def read_decisions(path: Path) -> dict[tuple[str, str], bool]:
    """Return for each pair of labels (in order) whether they are one person; lines without an answer are left out.

    Raises:
        UsageError: not such a file, or an answer that is neither yes nor no.
    """
    try:
        lines = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig", "surrogateescape"), newline="")))
    except OSError as error:
        raise UsageError(f"cannot read decisions {str(path)!r}: {error.strerror}") from None
    except csv.Error as error:
        raise UsageError(f"{path.name} is not a CSV: {error}") from None
    if lines and not {"a", "b", "same"} <= set(lines[0]):
        raise UsageError(f"{path.name}:1: expected the columns a, b and same")
    out: dict[tuple[str, str], bool] = {}
    for number, line in enumerate(lines, 2):
        answer = (line["same"] or "").strip().lower()
        if answer not in ("", "yes", "no"):
            raise UsageError(f'{path.name}:{number}: same = {answer!r}; expected "yes", "no", or nothing')
        if answer:
            a, b = sorted((line["a"], line["b"]))
            out[a, b] = answer == "yes"
    return out


def _csv(doubts: Sequence[Doubt], alike: Sequence[Doubt], apart: Sequence[Doubt]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    said = {**dict.fromkeys(alike, "yes"), **dict.fromkeys(apart, "no")}
    writer.writerows((one.a, one.b, f"{one.cosine:.3f}", one.why, said.get(one, "")) for one in doubts)
    return out.getvalue()


def _stopped(doubts: Sequence[Doubt], path: Path) -> str:
    first = "; ".join(f"{one.a} and {one.b} ({one.why}, {one.cosine:.2f})" for one in doubts[:5])
    more = f"; and {len(doubts) - 5} more" if len(doubts) > 5 else ""
    verb = "looks" if len(doubts) == 1 else "look"
    return (
        f"{counted(len(doubts), 'pair')} of labels {verb} like one person, and k would count one person twice: {first}{more}."
        f' All are listed in {path}. Set same_person in [source]: "merge" if they are one person, "apart" if they are two, or'
        f" {{ decisions = FILE }} with that list and its column same filled in (yes or no); nothing was released"
    )


def _pictures(faces: FaceSet, doubts: Sequence[Doubt]) -> bytes:
    """Return one JPEG: a row for each pair, the first picture of either label."""
    first: dict[str, int] = {}
    for row, label in enumerate(faces.subjects or ()):
        first.setdefault(label, row)
    rows = [
        np.concatenate([np.asarray(faces.images[first[label] : first[label] + 1])[0] for label in (one.a, one.b)], axis=1)
        for one in doubts
    ]
    return encode_jpeg(np.concatenate(rows))
