"""The made components of a run and what several methods share: each is made, and each shared stage run, once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deidframe.contract.artifacts import Embeddings, FaceSet
from deidframe.contract.component import Context, Need
from deidframe.contract.errors import DeidframeError, StageError
from deidframe.contract.roles import Eyes, Fits
from deidframe.contract.stacks import Stack
from deidframe.engine.eyes import CoreEyes, base_of
from deidframe.engine.intake import Intake
from deidframe.engine.keep import identity
from deidframe.engine.plan import Plan
from deidframe.engine.progress import Reporter, tracker
from deidframe.engine.seam import at_work, one_line
from deidframe.engine.seeds import derive
from deidframe.engine.shards import FORMAT, Keep, KeptEncodings, Shard
from deidframe.engine.step import Step
from deidframe.record.store import Store


class Workshop:
    """Makes components and keeps them.

    Args:
        plan: what will run. scratch: a private folder for temporary files. reporter: shows progress.
        offline: no weights are fetched. store: keeps what is slow to make, None keeps nothing.

    `clear` holds the faces of the run once they are found; encoders that fit learn from them.
    """

    def __init__(
        self, plan: Plan, scratch: Path, reporter: Reporter, *, offline: bool = False, store: Store | None = None
    ) -> None:
        self.store = store
        self.plan, self.scratch, self.reporter, self.offline = plan, scratch, reporter, offline
        self._made: dict[tuple[str, str], Any] = {}
        self._eyes: dict[str, CoreEyes] = {}
        self.shared: dict[str, Any] = {}
        self._lasting: dict[int, Stack] = {}
        self.clear: FaceSet | None = None
        self.records: list[dict[str, Any]] = []
        self._shards: tuple[Shard, ...] = ()

    def make(self, step: Step, eyes_with: Step | None = None) -> Any:
        """Return the step's component, made on first use; `eyes_with` names the encoder it sees with if it asks for eyes."""
        key = (step.key, eyes_with.key if eyes_with and step.needs(Need.EYES) else "")
        if key not in self._made:
            folder = self.scratch / hashlib.sha256("|".join(key).encode()).hexdigest()[:16]
            folder.mkdir(exist_ok=True)
            eyes: Eyes | None = self.eyes(eyes_with) if eyes_with and step.needs(Need.EYES) else None
            context = Context(
                seed=derive(self.plan.parsed.recipe.seed, step.key),
                scratch=folder,
                log=self.reporter.say,
                track=tracker(self.reporter),
                eyes=eyes,
                offline=self.offline,
                others={name: self.eyes(other) for name, other in step.others.items()},
                record=self._record,
            )
            try:
                self._made[key] = step.loaded.make(step.params, context)
            except Exception as error:
                raise blame("making it", step, error) from error
        return self._made[key]

    def facts(self, step: Step, eyes_with: Step) -> dict[str, Any]:
        """Return all that a synthesizer's pictures depend on besides its input, for the store."""
        detector = self.plan.detector
        return {
            "what": "surrogate",
            "step": identity(step),
            "eyes": identity(eyes_with),
            "detector": identity(detector) if detector else None,
            "seed": derive(self.plan.parsed.recipe.seed, step.key),
        }

    def eyes(self, encoder: Step) -> CoreEyes:
        """Return the recipe's detector together with this encoder."""
        if encoder.key not in self._eyes:
            spaces = encoder.loaded.component.spaces
            space = spaces[0] if spaces else encoder.name
            if self.plan.detector is None:
                raise DeidframeError("there is no detector, so nothing can be looked at")
            detector, made = self.make(self.plan.detector), self.make(encoder)
            fitted = isinstance(made, Fits) and self.clear is not None
            if fitted and self.clear is not None:
                with at_work(f"encoder {encoder.name}"):
                    made.fit(self.clear.without_subjects())
            looks, encodings = self._kept(encoder, fitted=fitted)
            self._eyes[encoder.key] = CoreEyes(
                detector, made, space, encoder.name, self.reporter, self._lasting, looks, encodings
            )
        return self._eyes[encoder.key]

    def keep(self, what: str, *steps: Step, **facts: Any) -> Keep | None:
        """Return where results of these components are kept; None without a store, or where equal input may give another."""
        if self.store is None or not all(step.loaded.component.deterministic for step in steps):
            return None
        seed = self.plan.parsed.recipe.seed
        made_by = [{**identity(step), "seed": derive(seed, step.key)} for step in steps]
        return Keep(self.store, {"what": what, "format": FORMAT, "steps": made_by, **facts})

    def _kept(self, encoder: Step, *, fitted: bool) -> tuple[Keep | None, tuple[Stack, KeptEncodings] | None]:
        """Return where an encoder's looks and its encodings of the database are kept."""
        assert self.plan.detector is not None
        every = all(shard.key for shard in self._shards)
        if fitted and not every:  # what it learnt from is not known
            return None, None
        learnt = {"fitted": [shard.key for shard in self._shards]} if fitted else {}
        looks = self.keep("looks", self.plan.detector, encoder, **learnt)
        keep = self.keep("encodings", encoder, **learnt)
        if keep is None or self.clear is None or self.clear.landmarks is None:
            return looks, None
        base, rows = base_of(self.clear)
        if len(rows) != len(base) or not (rows == np.arange(len(base))).all():
            return looks, None
        return looks, (base, KeptEncodings(keep, self._shards, self.clear.landmarks))

    def look_at_database(self, intake: Intake) -> None:
        """Let every eye remember what it sees of the faces of the run."""
        self.remember(intake.faces)
        self.clear, self._shards = intake.faces, intake.shards

    def encode(self, encoder: Step, faces: FaceSet) -> Embeddings:
        """Return unit encodings of aligned faces, from memory where they are known."""
        return self.eyes(encoder).encode(faces)

    def _record(self, name: str, data: Mapping[str, Any]) -> None:
        self.records.append({"name": name, **data})

    def take_records(self) -> list[dict[str, Any]]:
        """Return what components recorded since the last call."""
        taken, self.records = self.records, []
        return taken

    def remember(self, faces: FaceSet) -> None:
        """Let every eye keep what it sees of these faces until `forget`."""
        base = base_of(faces)[0]
        self._lasting[id(base)] = base

    def forget(self, faces: FaceSet) -> None:
        """Let every eye forget a method's faces."""
        self._lasting.pop(id(base_of(faces)[0]), None)
        for eyes in self._eyes.values():
            eyes.forget(faces)


def blame(cell: str, step: Step, error: Exception) -> DeidframeError:
    """Return the error to record: our own as they are, anything else as a failure of this component."""
    if isinstance(error, DeidframeError):
        return error
    return StageError(cell, step.role, step.loaded.qualified, one_line(error))
