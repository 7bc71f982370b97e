"""Look at what a method made with a detector and an encoder that had no part in it, and hold back what they should not see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import ReleaseRefused
from deidframe.contract.photos import Photos
from deidframe.engine.components.detections import nearest_to_centre, rows_by_photo
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.intake.crops import SIZE
from deidframe.engine.planning.plan import AuditPlan
from deidframe.guard.audit import copy_bound, light_copy, nearest, unmatched
from deidframe.guard.certificate import Audited
from deidframe.guard.release import Release

BATCH = 32
COPIES = 200
"""Originals of which light copies are looked at, at most; evenly taken."""
BESIDE = "a second face is visible in its protected picture"
NEAR = "its protected picture is as close to an original as a copy would be"


@dataclass(frozen=True)
class Audit:
    """What was found.

    Args:
        withheld: face id -> reason.
        said: for the certificate, of the pictures that are left.
    """

    withheld: dict[str, str]
    said: Audited


def audit(pool: ComponentPool, plan: AuditPlan, release: Release, *, by_design: bool = False) -> Audit:
    """Look at every different picture of a method, and at as many light copies of originals as it takes to know their distance.

    A picture that is held back is held back for everybody who shares it, so a group goes as a whole.

    Args:
        by_design: pictures of real people are what the method means to show, so none is too near to one.

    Raises:
        ReleaseRefused: half of the pictures, or more, are as near to their originals as copies.
    """
    clear, made, method = release.originals, release.faces, release.method
    rows = np.fromiter(release.first_rows.values(), np.int64)
    where = release.picture_of
    beside, vectors = _look(pool, plan, made, rows)
    bound: float | None = None
    near = np.zeros(len(rows), bool)
    if plan.encoder is not None and not by_design:
        originals = pool.recognizer(plan.encoder).encode(clear).vectors
        assert vectors is not None
        bound = _bound(pool, plan, clear, originals)
        near = nearest(vectors, originals) <= bound
        share = near[where].mean() if len(where) else 0.0
        if share >= 0.5:
            raise ReleaseRefused(
                f"{method}: {int(near[where].sum())} of {len(where)} pictures are as close to an original as a copy would be"
                f" ({plan.encoder.name}: {bound:.2f}; a method is at fault from 50 % on); nothing is released"
            )
    withheld = {
        face: BESIDE if beside[n] else NEAR for face, n in zip(made.ids, where.tolist(), strict=True) if beside[n] or near[n]
    }
    if len(withheld) == len(made):
        raise ReleaseRefused(f"{method}: the audit left no picture: {BESIDE}, or {NEAR}")
    looked = len(made) - len(withheld)
    encoder = plan.encoder.name if plan.encoder else ""
    return Audit(withheld, Audited(plan.detector.name, encoder, looked, bound))


def _look(
    pool: ComponentPool, plan: AuditPlan, faces: FaceSet, rows: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.float32] | None]:
    """Return, for each of these rows, whether a face is seen besides its own, and its encoding where there is an encoder."""
    assert faces.landmarks is not None, "faces of a run carry landmarks"
    centre = align.template(SIZE).mean(axis=0)
    x, y = centre
    centre_of_turned = {1: np.array([y, SIZE - x]), 2: np.array([SIZE - x, SIZE - y]), 3: np.array([SIZE - y, x])}
    beside = np.zeros(len(rows), bool)
    encoded = []
    with pool.reporter.task(f"audit with {plan.detector.name}", len(rows)) as advance:
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            pictures, marks = np.asarray(faces.images[part]), faces.landmarks[part].copy()
            ids = tuple(f"row-{n}" for n in range(len(part)))
            seen = pool.call(plan.detector, Photos.from_arrays(ids, list(pictures)))
            for turns in (1, 2, 3):  # a face that stands on its head is one, too
                turned = [np.ascontiguousarray(np.rot90(picture, turns)) for picture in pictures]
                again = pool.call(plan.detector, Photos.from_arrays(ids, turned))
                for photo, found in rows_by_photo(again).items():
                    boxes = again.boxes[found]
                    own = ((centre_of_turned[turns] >= boxes[:, :2]) & (centre_of_turned[turns] <= boxes[:, 2:])).all(axis=1)
                    beside[start + int(photo[4:])] |= bool(len(unmatched(boxes[~own], boxes[own])))
            for photo, found in rows_by_photo(seen).items():
                n = int(photo[4:])
                boxes = seen.boxes[found]
                own = ((centre >= boxes[:, :2]) & (centre <= boxes[:, 2:])).all(axis=1)
                beside[start + n] |= bool(len(unmatched(boxes[~own], boxes[own])))
                if own.any():
                    height, width = pictures.shape[1:3]
                    marks[n] = seen.landmarks[
                        nearest_to_centre(seen, [r for r, o in zip(found, own, strict=True) if o], width, height)
                    ]
            if plan.encoder is not None:
                encoded.append(pool.recognizer(plan.encoder).encode(FaceSet(ids, pictures, marks)).vectors)
            advance(len(part))
    return beside, np.concatenate(encoded) if encoded else None


def _bound(pool: ComponentPool, plan: AuditPlan, clear: FaceSet, originals: NDArray[np.float32]) -> float:
    """Return how far light copies lie from their originals, once for a run."""
    assert plan.encoder is not None
    key = f"audit|{plan.detector.key}|{plan.encoder.key}"

    def bound() -> float:
        some = np.unique(np.linspace(0, len(clear) - 1, min(COPIES, len(clear))).astype(np.int64))
        chosen = clear.take(some)
        copies = FaceSet(chosen.ids, np.stack([light_copy(one) for one in np.asarray(chosen.images[:])]), chosen.landmarks)
        _, vectors = _look(pool, plan, copies, np.arange(len(copies)))
        assert vectors is not None
        return copy_bound(np.linalg.norm(originals[some].astype(np.float64) - vectors, axis=1))

    return pool.once(key, bound)
