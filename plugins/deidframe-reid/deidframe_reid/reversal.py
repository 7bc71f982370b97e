"""Learn on own people how a method changes pictures, and take that back before encoding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from deidframe.contract import Briefing, Context, FaceSet, LazyStack, LinkScores
from deidframe_reid.nearest_face import link_scores, recognizer_of
from deidframe_reid.own_people import OwnPeople, reciprocal_rank
from deidframe_reid.parrot import everywhere
from deidframe_reid.plugin import ReversalParams
from deidframe_reid.views import alike, anywhere, views

BATCH = 32
MIDDLE = 127.5
FINE, COARSE, STEP = 3, 10, 3
"""A pixel is told from the 7 x 7 around it and from 21 x 21 means of 3 x 3, that is from 63 x 63."""
REACH = COARSE * STEP + STEP // 2
RIDGE = 1e-3
"""Weight of the penalty on large coefficients, as a share of the mean power of what is told from."""
PICTURES, PIXELS = 400, 300
"""Own pictures that are learnt from, and pixels of the face in each."""
SEED = 20260105
RADIUS = 0.35
"""Of the circle around the face in which pixels are learnt from, as a share of the picture's side."""

Kernel = NDArray[np.float32]


class Reversal:
    """Attacker `reversal`.

    Args:
        params: where a probe's face is.
        context: its recogniser sees with the attack's encoder.
    """

    def __init__(self, params: ReversalParams, context: Context) -> None:
        self._recognizer, self._where, self._log = recognizer_of(context, "reversal"), params.landmarks, context.log
        self._filter: Kernel | None = None

    def prepare(self, briefing: Briefing) -> None:
        """Learn a filter on half of the own people, and use it where it finds more of the other half than looking as released."""
        self._frame, self._ids = briefing.frame, briefing.gallery.ids
        self._known = everywhere(self._recognizer.encode(briefing.gallery).vectors)
        if briefing.own is None or briefing.mimic is None:
            return
        own = OwnPeople.of(briefing.own, briefing.mimic(briefing.own))
        gallery = own.gallery(exact=briefing.exact)
        known = everywhere(self._recognizer.encode(own.clear).vectors[gallery])
        learns, rows = next(own.splits(2, exact=briefing.exact))
        probes, shape = own.mimicked.take(rows), (len(rows), len(gallery))
        bare = alike(views(self._recognizer, probes, self._where, self._frame), (known,), shape)
        part = kernel(own, np.flatnonzero(learns[own.shown]), self._frame)
        back = alike(views(self._recognizer, undone(probes, part), self._where, self._frame), (known,), shape)
        plain, better = (reciprocal_rank(one, own.shown[rows], own.person[gallery]) for one in (bare, np.maximum(bare, back)))
        if better > plain:
            self._filter = kernel(own, np.arange(len(own.pair)), self._frame)
        self._log(f"reversal: own people's mean reciprocal rank {plain:.3f} as released, {better:.3f} changed back")

    def attack(self, probes: FaceSet) -> LinkScores:
        """Return the better of the released picture's scores and those of what it was changed back to."""
        shape = (len(probes), len(self._ids))
        seen = views(self._recognizer, probes, self._where, self._frame)
        scores, scored = alike(seen, (self._known,), shape), anywhere(seen, len(probes))
        if self._filter is not None:
            back = views(self._recognizer, undone(probes, self._filter), self._where, self._frame)
            scores, scored = np.maximum(scores, alike(back, (self._known,), shape)), scored | anywhere(back, len(probes))
        return link_scores(probes, self._ids, scores, scored)


def kernel(own: OwnPeople, rows: NDArray[np.int64], frame: NDArray[np.float32]) -> Kernel:
    """Return the linear filter, `(63, 63)`, that tells a pixel of the face from the protected ones around it: least squares.

    A filter that is learnt where the face is holds also for a method that leaves the surroundings as they are.
    """
    some = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), PICTURES)).astype(np.int64))]
    height, width = own.clear.size
    fine = _offsets(FINE, 1)
    coarse = _offsets(COARSE, STEP)
    size = len(fine) + len(coarse)
    square, across = np.zeros((size, size)), np.zeros(size)
    rng = np.random.default_rng(SEED)
    x, y = frame.mean(axis=0)
    for start in range(0, len(some), BATCH):
        part = some[start : start + BATCH]
        after = _padded(np.asarray(own.mimicked.images[part]))
        means = _box(after)
        before = np.asarray(own.clear.images[own.pair[part]], np.float32) - MIDDLE
        turn, far = rng.random((2, len(part), PIXELS))
        away = RADIUS * np.sqrt(far)
        at_x = np.clip(np.rint(x + away * np.cos(2 * np.pi * turn) * width), 0, width - 1).astype(np.int64)
        at_y = np.clip(np.rint(y + away * np.sin(2 * np.pi * turn) * height), 0, height - 1).astype(np.int64)
        for n in range(len(part)):
            near = after[n, at_y[n][:, None] + fine[:, 0] + REACH, at_x[n][:, None] + fine[:, 1] + REACH]
            wide = means[n, at_y[n][:, None] + coarse[:, 0] + REACH, at_x[n][:, None] + coarse[:, 1] + REACH]
            told = np.concatenate([near, wide], axis=1).transpose(0, 2, 1).reshape(-1, size).astype(np.float64)
            square += told.T @ told
            across += told.T @ before[n, at_y[n], at_x[n]].reshape(-1)
    power = max(np.trace(square) / size, 1e-9)
    solved = np.linalg.solve(square + RIDGE * power * np.eye(size), across)
    out = np.zeros((2 * REACH + 1, 2 * REACH + 1))
    np.add.at(out, tuple((fine + REACH).T), solved[: len(fine)])
    for (dy, dx), value in zip(coarse.tolist(), solved[len(fine) :].tolist(), strict=True):
        out[dy + REACH - 1 : dy + REACH + 2, dx + REACH - 1 : dx + REACH + 2] += value / STEP**2
    return out.astype(np.float32)


def _offsets(count: int, step: int) -> NDArray[np.int64]:
    """Return `((2 count + 1)^2, 2)` offsets, rows first."""
    line = np.arange(-count, count + 1) * step
    return np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)


def _padded(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.pad(pictures.astype(np.float32) - MIDDLE, ((0, 0), (REACH, REACH), (REACH, REACH), (0, 0)), mode="reflect")


def _box(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of the 3 x 3 pixels around each."""
    out: NDArray[Any] = pictures
    for axis in (1, 2):
        out = (np.roll(out, 1, axis) + out + np.roll(out, -1, axis)) / 3
    return out


def undone(faces: FaceSet, weights: Kernel) -> FaceSet:
    """Return what a filter makes of pictures, made when they are asked for."""

    def filtered(rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        out = np.empty((len(rows), *faces.images.shape[1:]), np.uint8)
        for start in range(0, len(rows), BATCH):
            seen = _padded(np.asarray(faces.images[rows[start : start + BATCH]]))
            shape = seen.shape[1:3]
            size = [fft.next_fast_len(side, real=True) for side in shape]
            planes = np.ascontiguousarray(np.moveaxis(seen, 3, 1))
            back = fft.irfft2(fft.rfft2(planes, size) * fft.rfft2(weights[::-1, ::-1], size), size)
            back = np.moveaxis(back[..., 2 * REACH : shape[0], 2 * REACH : shape[1]], 1, 3)
            out[start : start + len(seen)] = np.rint(np.clip(back + MIDDLE, 0, 255)).astype(np.uint8)
        return out

    return FaceSet(faces.ids, LazyStack(tuple(faces.images.shape), filtered), faces.landmarks)
