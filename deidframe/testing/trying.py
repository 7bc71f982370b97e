"""What checks are made of: how one is noted, what a component of each role is given, and how it is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from deidframe.contract import (
    Briefing,
    Detections,
    Embeddings,
    FaceSet,
    LinkScores,
    Need,
    Partial,
    Partition,
    Photos,
    Surrogates,
    Values,
    align,
)
from deidframe.testing.material import Bench, blurred, faces, partition, people, photos

HEAVY = ("torch", "openvino", "sklearn", "hdbscan", "cv2", "numba", "matplotlib")
"""What a plugin's module must not import, so that listing and checking stay fast."""
K = 3


class Violation(AssertionError):
    """A component does not do what its role asks; the message says what was asked, what happened and why it matters."""


@dataclass(frozen=True)
class ConformanceCheck:
    """One check.

    Args:
        name: short.
        roles: that it is for, empty for all.
        run: raises `Violation`.
    """

    name: str
    roles: tuple[str, ...]
    run: Callable[[Bench], None]

    @property
    def reason(self) -> str:
        """Why it is asked: the first line of the function's docstring."""
        return (self.run.__doc__ or "").strip().splitlines()[0]


CHECKS: list[ConformanceCheck] = []
"""All checks, in the order in which they run."""


def check(*roles: str) -> Callable[[Callable[[Bench], None]], Callable[[Bench], None]]:
    """Add a function to the checks, for these roles or, without any, for all."""

    def add(run: Callable[[Bench], None]) -> Callable[[Bench], None]:
        CHECKS.append(ConformanceCheck(run.__name__.removeprefix("check_"), roles, run))
        return run

    return add


def checks_for(role: str) -> list[ConformanceCheck]:
    """Return the checks that a role promises to pass."""
    return [one for one in CHECKS if not one.roles or role in one.roles]


def ask(condition: object, message: str) -> None:
    """Raise `Violation` with this message unless the condition holds."""
    if not condition:
        raise Violation(message)


def work(bench: Bench, made: Any, given: Any) -> Any:
    """Call the role's verb on what `material_of` returned."""
    role = bench.role
    if role == "source":
        return made.load()
    verb = {"detector": "detect", "encoder": "encode", "redactor": "redact", "landmarker": "mark"}
    if role in verb:
        if role == "encoder" and hasattr(made, "fit"):
            made.fit(given)
        if role == "redactor" and hasattr(made, "fit"):
            made.fit(given)
        return whole_of(getattr(made, verb[role])(given))
    if role == "clusterer":
        return made.cluster(given, K)
    if role == "outlier-handler":
        return made.settle(given[0], given[1], K)
    if role == "anonymizer":
        return made.anonymize(*given)
    if role == "synthesizer":
        return whole_of(made.synthesize(*given))
    if role == "measure":
        return made.measure(*given)
    made.prepare(briefing(given))
    return made.attack(given)


def whole_of(out: Any) -> Any:
    """Return the faces of a partial result, whose withheld ones the core takes out."""
    return out.faces if isinstance(out, Partial) else out


def briefing(gallery: FaceSet) -> Briefing:
    """Return what an attacker is given who has the exact originals and nothing else."""
    named = FaceSet(gallery.ids, gallery.images, gallery.landmarks, tuple(f"person-{n}" for n in range(len(gallery))))
    return Briefing("naive", True, align.template(gallery.size[0]), named)


def material_of(bench: Bench, count: int) -> Any:
    """Return input of `count` items for the component's role."""
    role = bench.role
    if role == "source":
        return None
    if role == "detector":
        return photos(count)
    known = bench.needs(Need.SUBJECTS)
    if role == "attacker":
        return bench.real_faces(count, subjects=known)
    if role in ("encoder", "redactor", "landmarker"):
        return faces(count, subjects=known)
    if role == "clusterer":
        return people(count, bench.space)
    if role in ("outlier-handler", "anonymizer"):
        return people(count, bench.space), partition(count, max(1, count // 4))
    if role == "measure":
        return faces(count, subjects=known), blurred(count)
    shown = bench.real_faces(count, subjects=known)
    return shown, bench.surrogates(shown, max(1, count // 6))


def digest(value: Any) -> str:
    """Return a sha256 over all that an artifact holds, so that two can be compared bit for bit."""
    out = hashlib.sha256()
    for part in _parts(value):
        out.update(part)
    return out.hexdigest()


def _parts(value: Any) -> list[bytes]:
    if isinstance(value, tuple):
        return [part for one in value for part in _parts(one)]
    if isinstance(value, FaceSet):
        return [repr(value.ids).encode(), np.asarray(value.images[:]).tobytes(), _bytes(value.landmarks)]
    if isinstance(value, Embeddings):
        return [repr((value.ids, value.space, value.subjects)).encode(), _bytes(value.vectors)]
    if isinstance(value, Partition):
        return [repr(value.ids).encode(), _bytes(value.labels)]
    if isinstance(value, Surrogates):
        return [repr((value.ids, value.space)).encode(), *map(_bytes, (value.targets, value.groups, value.weights))]
    if isinstance(value, Detections):
        return [repr((value.looked_at, value.photo_ids)).encode(), *map(_bytes, (value.boxes, value.landmarks, value.scores))]
    if isinstance(value, LinkScores):
        return [repr((value.probe_ids, value.gallery_ids, value.missed_probes)).encode(), _bytes(value.scores)]
    if isinstance(value, Values):
        return [repr((value.ids, value.missed)).encode(), _bytes(value.values)]
    if isinstance(value, Photos):
        return [repr(value.ids).encode(), *(np.asarray(value.open(i)).tobytes() for i in value.ids[:8])]
    return [repr(value).encode()]


def _bytes(array: Any) -> bytes:
    return b"" if array is None else np.ascontiguousarray(array).tobytes()


COUNT = 12
"""Items in the usual input."""
ALIKE = 0.95
"""Least cosine of what torch and the encoder itself see of one face: chips may be cut a little otherwise."""
