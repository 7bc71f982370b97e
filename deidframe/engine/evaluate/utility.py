"""What released faces keep of their originals: landmarks, pose, expression, structure; each beside its ceiling.

Released is held against original face by face, and only where a face was found in both: what no detector finds keeps nothing that
could be measured, and the share found stands beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.evaluate.means import put_mean, sampled, sharing
from deidframe.engine.evaluate.tasks import tasks
from deidframe.engine.evaluate.untouched import Untouched, best_faces
from deidframe.engine.planning.plan import QualityPlan
from deidframe.guard.release import Release
from deidframe.measure.utility import (
    inside_groups,
    landmark_error,
    peak_signal_to_noise,
    pose,
    structural_similarity,
)

Looked = tuple[NDArray[np.float64], NDArray[np.float32]]
"""Best score and landmarks of each picture."""


def utility(
    pool: ComponentPool,
    plan: QualityPlan,
    release: Release,
    seen: Untouched,
    looks: Mapping[str, Looked],
    *,
    same_scene: bool,
) -> dict[str, Any]:
    """Return the utility figures of one method.

    Args:
        pool: of the run.
        plan: judges.
        release: of the method.
        seen: of the run's clear faces.
        looks: detector -> score and landmarks in each of the different released pictures.
        same_scene: a released picture shows what its original shows, as a redactor's does.
    """
    if not len(release):
        return {}
    rows = sampled(release)
    clear, shown = release.originals.take(rows), release.faces.take(rows)
    people = [release.subjects[row] for row in rows.tolist()]
    pictures, place = np.unique(release.picture_of[rows], return_inverse=True)
    firsts = np.fromiter(release.first_rows.values(), np.int64)[pictures]
    distinct = release.faces.take(firsts).without_subjects()
    out: dict[str, Any] = {}
    everybody = len(set(release.subjects))
    out["distinct_share"] = len(release.first_rows) / everybody if everybody else 0.0
    shared = sharing(release)
    for detector in plan.detectors:
        scores, marks = looks[detector.key]
        out |= _landmarks(pool, detector, clear, (scores[pictures][place], marks[pictures][place]), people, seen, shared)
    if plan.expression is not None:
        out |= _expressions(pool, plan.expression, clear, distinct, place, people, seen, shared)
    if same_scene:
        out |= _structure(clear, shown, people)
    out |= tasks(pool, plan, release, seen.labels)
    if release.people is not None:
        for name, labels in seen.labels.items():
            inside = inside_groups(labels.of, release.people.group_of) if not labels.unfit else None
            if inside is not None:
                out[f"homogeneous.{name}"], out[f"diversity.{name}"] = inside.homogeneous, inside.diversity
                out[f"closeness.{name}"] = inside.closeness
    return out


def _landmarks(
    pool: ComponentPool,
    detector: Step,
    clear: FaceSet,
    shown: Looked,
    people: list[str],
    seen: Untouched,
    shared: Mapping[str, int] | None,
) -> dict[str, Any]:
    """Return landmark error and what of the pose is lost, beside the same of clear faces that were moved and moved back."""
    out: dict[str, Any] = {}
    scores, before = seen.marks(detector, clear)
    found, after = shown
    there = (scores > 0) & (found > 0)
    put_mean(out, f"landmarks.{detector.name}", people, landmark_error(before, after), there, group_of=shared)
    turned = np.abs(pose(before) - pose(after))
    put_mean(out, f"yaw_off.{detector.name}", people, turned[:, 0], there, group_of=shared)
    put_mean(out, f"pitch_off.{detector.name}", people, turned[:, 1], there, group_of=shared)
    some, moved = seen.moved
    key = f"moved marks {detector.key}"
    (one, was), (other, now) = seen.marks(detector, some), seen.once(key, lambda: best_faces(pool, detector, moved))
    both = (one > 0) & (other > 0)
    if both.any() and some.landmarks is not None and moved.landmarks is not None:
        ways = [align.similarity(m, s) for m, s in zip(moved.landmarks, some.landmarks, strict=True)]
        back = np.stack([align.apply(way, marks) for way, marks in zip(ways, now, strict=True)])
        out[f"landmarks_ceiling.{detector.name}"] = float(landmark_error(was, back)[both].mean())
        lean = np.abs(pose(was) - pose(back))[both].mean(axis=0)
        out[f"yaw_ceiling.{detector.name}"], out[f"pitch_ceiling.{detector.name}"] = float(lean[0]), float(lean[1])
    return out


def _expressions(
    pool: ComponentPool,
    judge: Step,
    clear: FaceSet,
    distinct: FaceSet,
    place: NDArray[np.int64],
    people: list[str],
    seen: Untouched,
    shared: Mapping[str, int] | None,
) -> dict[str, Any]:
    """Return how often the apparent expression stays, beside how often it does when a clear face is only moved a little."""
    out: dict[str, Any] = {}
    recognizer = pool.recognizer(judge)
    before = recognizer.encode(clear).vectors.argmax(axis=1)
    looked = recognizer.recognize(distinct, known_landmarks=True)
    after = looked.embeddings.vectors.argmax(axis=1)
    put_mean(
        out,
        "expression_kept",
        people,
        (before == after[place]).astype(np.float64),
        looked.scores[place] > 0,
        share=True,
        group_of=shared,
    )
    some, moved = seen.moved

    def ceiling() -> float:
        own = recognizer.encode(some).vectors.argmax(axis=1)
        return float((own == recognizer.encode(moved).vectors.argmax(axis=1)).mean())

    def common() -> float:
        said = recognizer.encode(some).vectors.argmax(axis=1)
        shares = np.bincount(said) / len(said)
        return float((shares**2).sum())

    out["expression_ceiling"] = seen.once(f"ceiling {judge.key}", ceiling)
    out["expression_chance"] = seen.once(f"chance {judge.key}", common)
    return out


def _structure(clear: FaceSet, shown: FaceSet, people: list[str]) -> dict[str, Any]:
    """Return SSIM and PSNR of pictures that show the same scene."""
    alike, peak = np.zeros(len(people)), np.full(len(people), np.nan)
    for row in range(len(people)):
        one, other = np.asarray(clear.images[row : row + 1])[0], np.asarray(shown.images[row : row + 1])[0]
        alike[row] = structural_similarity(one, other)
        ratio = peak_signal_to_noise(one, other)
        peak[row] = np.nan if ratio is None else ratio
    out: dict[str, Any] = {}
    put_mean(out, "ssim", people, alike, np.ones(len(people), bool))
    put_mean(out, "psnr", people, peak, np.isfinite(peak))
    return out
