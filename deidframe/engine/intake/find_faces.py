"""Find the faces of a plan's photos."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

from deidframe.contract.errors import NothingToDo
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.intake.choose_faces import choose_faces
from deidframe.engine.intake.crop_store import CropStore
from deidframe.engine.intake.crops import SIZE
from deidframe.engine.intake.take_in import Intake, take_in
from deidframe.engine.planning.plan import Plan
from deidframe.engine.runtime.progress import Reporter
from deidframe.words import counted


def find_faces(plan: Plan, pool: ComponentPool, reporter: Reporter, fingerprints: Sequence[str] | None = None) -> Intake:
    """Find the face of every photo of the plan, and let every recogniser keep what it sees of them.

    Args:
        fingerprints: of the photos, where they are known already.

    Raises:
        NothingToDo: not one face was found.
    """
    if plan.detector is None:
        raise NothingToDo("the plan has no detector, so no face can be found")
    auditor = plan.audit.detector if plan.audit else None
    boxes = {"boxes": sorted(plan.photos.boxes.items())} if plan.photos.boxes else {}
    largest = {"faces": "largest"} if plan.faces == "largest" else {}
    keep = pool.stage_cache("faces", plan.source, plan.detector, *([auditor] if auditor else []), **boxes, **largest)
    second = functools.partial(pool.call, auditor) if auditor else None
    with pool.working_on("finding faces"):
        detect = functools.partial(pool.call, plan.detector)
        sure = plan.detector.loaded.component.sure
        intake = take_in(
            plan.photos,
            plan.people,
            detect,
            reporter,
            keep,
            second,
            fingerprints,
            sure=sure,
            largest=bool(largest),
            every_face=plan.faces == "every",
            store=CropStore(pool.scratch, SIZE),
        )
        pool.use_database(intake.faces, intake.shards)
        if plan.faces == "labelled person" and plan.gate is not None and plan.gate.encoder is not None:
            intake = choose_faces(pool, intake, plan.photos, plan.gate.encoder, reporter)
    if auditor:
        more, unseen = counted(intake.beside, "more face"), counted(intake.unseen, "picture")
        reporter.say(
            f"  {auditor.name} sees {more} (covered), and a face in {unseen} where {plan.detector.name} sees none (withheld)"
        )
    pool.use_database(intake.faces, intake.shards)  # of the faces that are meant
    return replace(intake, found={})  # millions of pictures need no second choice
