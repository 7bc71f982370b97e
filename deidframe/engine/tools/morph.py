"""From one person to another in steps: a synthesizer draws weighted means of two, and encoders say how far each is from both."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet, Surrogates
from deidframe.contract.errors import NothingToDo, UsageError
from deidframe.contract.stacks import IndexedStack
from deidframe.engine.intake.find_faces import find_faces
from deidframe.engine.planning.plan import ROLE_OF_KEY
from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.tools.encode import any_of, planned_alone
from deidframe.recipe.packaged import usual


@dataclass(frozen=True)
class Morph:
    """A strip of faces.

    Args:
        alphas: `(S,)` share of B.
        pictures: `(S, H, W, 3)`.
        to_a, to_b: encoder -> `(S,)` distance of unit encodings to A and B, NaN where no face is found in a step.
    """

    alphas: NDArray[np.float64]
    pictures: NDArray[np.uint8]
    to_a: dict[str, NDArray[np.float64]]
    to_b: dict[str, NDArray[np.float64]]


def morph(
    a: Path,
    b: Path,
    alphas: Sequence[float],
    synthesizer: str | None,
    params: Sequence[str],
    encoder: str | None,
    judges: Sequence[str],
    detector: str | None,
    scratch: Path,
    reporter: Reporter,
    *,
    offline: bool = False,
) -> Morph:
    """Draw the weighted mean of two people for each alpha.

    Args:
        a, b: pictures, one face each (the one nearest to the centre).
        alphas: shares of B, 0 to 1.
        synthesizer, encoder, detector: their names, None for those that the recipe `folder` uses. Targets lie in the encoder's
            space.
        params: `key=value` for the synthesizer.
        judges: encoders that measure besides.

    Raises:
        RecipeError: a name or parameter is wrong. UsageError: a file is missing. NothingToDo: no face in one of them.
    """
    if not alphas or min(alphas) < 0 or max(alphas) > 1:
        raise UsageError(f"alphas must lie between 0 and 1, got {', '.join(f'{x:g}' for x in alphas)}")
    pair = scratch / "pair"
    pair.mkdir()
    for name, path in (("a", a), ("b", b)):
        try:
            shutil.copyfile(path, pair / f"{name}{path.suffix}")
        except OSError as error:
            raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from None
    chain = {"encoder": encoder or usual().encoder, "synthesizer": synthesizer or usual().synthesizer}
    unused = {key: any_of(ROLE_OF_KEY[key]) for key in ("clusterer", "outliers", "anonymizer")}
    method = {"name": "morph", "k": 2} | {key: {"use": use} for key, use in (chain | unused).items()}
    planned = planned_alone(pair, detector, method, scratch, [f"method[0].synthesizer.params.{one}" for one in params], judges)
    pool = planned.pool(scratch, reporter, offline=offline)
    intake = find_faces(planned, pool, reporter)
    if len(intake.faces) < 2:
        raise NothingToDo(f"a face is needed in both pictures: {'; '.join(sorted(set(intake.withheld.values())))}")
    steps = planned.methods[0].steps
    ends = pool.encode(steps["encoder"], intake.faces)
    faces, surrogates = _steps(intake.faces, ends.vectors, np.array(alphas, np.float64), ends.space)
    with pool.working_on("morph"):
        made: FaceSet = pool.call(steps["synthesizer"], faces, surrogates, encoder=steps["encoder"])
    shown = made.take(np.arange(0, len(faces), 2))
    to_a: dict[str, NDArray[np.float64]] = {}
    to_b: dict[str, NDArray[np.float64]] = {}
    for judge in planned.encoders(planned.methods[0]).values():
        recognizer = pool.recognizer(judge)
        near = recognizer.encode(intake.faces).vectors.astype(np.float64)
        recognition = recognizer.recognize(shown)
        seen = dict(zip(recognition.embeddings.ids, recognition.embeddings.vectors.astype(np.float64), strict=True))
        for out, end in ((to_a, near[0]), (to_b, near[1])):
            out[judge.name] = np.array([np.linalg.norm(seen[i] - end) if i in seen else np.nan for i in shown.ids])
    return Morph(np.array(alphas, np.float64), np.asarray(shown.images[:]), to_a, to_b)


def _steps(two: FaceSet, ends: NDArray[np.float32], alphas: NDArray[np.float64], space: str) -> tuple[FaceSet, Surrogates]:
    """Return both faces once for each alpha, and the weighted mean as the target of each such pair."""
    count = len(alphas)
    rows = np.tile([0, 1], count)
    ids = tuple(f"{side}-{n}" for n in range(count) for side in "ab")
    marks = None if two.landmarks is None else two.landmarks[rows]
    subjects = tuple("ab"[row] for row in rows.tolist())
    weights = np.stack([1 - alphas, alphas], axis=1).reshape(-1)
    targets = ((1 - alphas)[:, None] * ends[0] + alphas[:, None] * ends[1]).astype(np.float32)
    faces = FaceSet(ids, IndexedStack(two.images, rows), marks, subjects)
    return faces, Surrogates(ids, np.repeat(targets, 2, axis=0), np.repeat(np.arange(count), 2), weights, space)
