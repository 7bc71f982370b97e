"""Look at a release that another tool made: pair it with its originals, say what is wrong with its files, guess the tool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import NothingToDo
from deidframe.contract.photos import Photos
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.recognizer import base_of
from deidframe.engine.evaluate.guess import guess
from deidframe.engine.intake.crops import CropStack
from deidframe.engine.intake.findings import Finding, Findings, look, written
from deidframe.engine.intake.foreign import foreign_faces, order_by_time, pair, read_map
from deidframe.engine.planning.plan import MethodPlan, Plan
from deidframe.engine.runtime.progress import Reporter
from deidframe.guard.release import Release
from deidframe.record.write import write_json

NOT_SHOWN = "no picture of the release shows it"
HOME = "audits"
"""Folder under `figures`, and with names of files under `private`, of what was seen."""


@dataclass(frozen=True)
class Examined:
    """What a foreign release turned out to be.

    Args:
        release: its faces as far as originals are known, with groups where pictures are shared.
        findings: what was seen without a recogniser.
        tool: a method that does what the tool seems to do; the foreign method itself where nothing was guessed.
    """

    release: Release
    findings: Findings
    tool: MethodPlan


def examine(pool: ComponentPool, plan: Plan, method: MethodPlan, faces: FaceSet, folder: Path, reporter: Reporter) -> Examined:
    """Pair, look and guess, and write what was seen into the run folder.

    Raises:
        UsageError: the map does not fit. NothingToDo: there is no picture, or nothing pairs them.
    """
    listed = pool.call(method.steps["released"])
    if not isinstance(listed, Photos) or not len(listed):
        raise NothingToDo(f"{method.name}: the release holds no picture")
    given = read_map(Path(method.pairs)) if method.pairs is not None else None
    originals = plan.photos
    times: Mapping[str, tuple[float, float]] = {
        **order_by_time("released", listed, lambda one: written(listed, one)),
        **order_by_time("original", originals, lambda one: written(originals, one)),
    }
    pairing = pair(listed, originals, given, times)
    shown = foreign_faces(listed, originals, pairing, faces)
    made, clear = shown.made, shown.clear
    base, rows = base_of(faces)
    assert isinstance(base, CropStack), "faces of a run are cut from photos"
    photo_of = {face: base.photo_ids[row] for face, row in zip(faces.ids, rows.tolist(), strict=True)}
    findings = look(listed, originals, pairing, made, shown.like, shown.shows, photo_of.__getitem__)
    found = guess(pool, made, clear, method.candidates)
    said = found.words if found is not None else "nothing that is known makes of the originals what was released"
    guessed = Finding("the tool, guessed", said, int(found is not None), found is not None)
    findings = replace(findings, rows=(*findings.rows, guessed))
    for home, private in ((folder / "figures" / HOME, False), (folder / "private" / HOME, True)):
        rows_said = [one.as_dict(private=private) for one in findings.rows]
        write_json(home / f"{method.slug}.json", rows_said, private=private)
    for one in findings.rows:
        reporter.say(f"  {one.what}: {one.said}")
    there = set(made.ids)
    withheld = {face: NOT_SHOWN for face in faces.ids if face not in there}
    groups = findings.shared if findings.fewest > 1 else None
    release = Release(method.name, clear, made, withheld, groups=groups)
    tool = MethodPlan(method.name, None, {"redactor": found.step}) if found is not None else method
    return Examined(release, findings, tool)
