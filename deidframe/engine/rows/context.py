"""What all rows of one run share."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import NothingToDo
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.evaluate.arena import unseen
from deidframe.engine.evaluate.untouched import Untouched
from deidframe.engine.intake.take_in import Intake
from deidframe.engine.planning.plan import Plan
from deidframe.engine.release.withheld import WithheldList
from deidframe.engine.rows.attack import Bench
from deidframe.engine.runtime.progress import Reporter
from deidframe.guard.earlier import Earlier
from deidframe.guard.release import Release, Vouched

if TYPE_CHECKING:  # only runs over scenes load what draws them
    from deidframe.engine.scenes.method import SceneRoom

KEPT_BACK = "kept for an attack's gallery that no method has seen"
"""Why the first picture of everybody is withheld where an attack asks for it."""


@dataclass(frozen=True)
class RunContext:
    """What all rows of one run share.

    Args:
        plan, pool, reporter: of the run.
        folder: the run folder.
        intake: the faces, none where there are only encodings.
        names_key: secret of the opaque file names.
        with_originals: keep thumbnails of real people under `private`.
        vouched: who says who is who.
        withheld_list: where what a method withholds is noted.
        bench: of the run's attacks.
        released: method -> its release, for an attacker who has two releases.
        scenes: draws faces into whole photos, None where pictures of faces are released.
        earlier: releases of the same people that are in the world already.
        partitions: method -> the groups of its release and its k, of those that are published.
        digests: method -> of what its release shows.
    """

    plan: Plan
    folder: Path
    pool: ComponentPool
    reporter: Reporter
    intake: Intake | None
    names_key: bytes
    with_originals: bool
    bench: Bench
    vouched: Vouched = field(default_factory=Vouched)
    withheld_list: WithheldList | None = None
    released: dict[str, Release] = field(default_factory=dict)
    scenes: SceneRoom | None = None
    earlier: tuple[Earlier, ...] = ()
    partitions: dict[str, tuple[Mapping[str, int], int]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def offered(self) -> FaceSet:
        """The faces that methods are given: all but those that an attack's gallery keeps."""
        kept = self.kept_back
        return self.faces.take([row for row, face in enumerate(self.faces.ids) if face not in kept]) if kept else self.faces

    @property
    def kept_back(self) -> dict[str, str]:
        """Face id -> why no method is given it."""
        if not any(attack.spec.gallery == "unseen" for attack in self.plan.attacks):
            return {}
        return {self.faces.ids[row]: KEPT_BACK for row in unseen(self.faces.subjects or ())}

    @property
    def faces(self) -> FaceSet:
        """All faces of the run; a plan over encodings alone has no method that asks for them."""
        if self.intake is None:
            raise NothingToDo("there are encodings and no pictures")
        return self.intake.faces

    @functools.cached_property
    def untouched(self) -> Untouched:
        """What is seen of the clear faces, once for all methods."""
        return Untouched(self.pool, self.faces, self.bench.labels)

    @property
    def withheld(self) -> dict[str, str]:
        """Why pictures are not among the faces."""
        return self.intake.withheld if self.intake else {}

    @property
    def total(self) -> int:
        """How many pictures or encodings came in."""
        return self.intake.total if self.intake else len(self.plan.people)
