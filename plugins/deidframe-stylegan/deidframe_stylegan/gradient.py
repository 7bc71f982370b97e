"""Aim a face at each group: start, follow gradients through the proxy, make the picture, look at it, keep the better one."""

from __future__ import annotations

import ctypes
import hashlib
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, PluginError, Recognizer, TorchEncoder
from deidframe_stylegan.aim import Stage, aim
from deidframe_stylegan.differentiable import TorchGenerator
from deidframe_stylegan.generator import Generator
from deidframe_stylegan.objective import Goal, Objective, Wish
from deidframe_stylegan.plugin import StyleGanParams
from deidframe_stylegan.portrait import load_portrait
from deidframe_stylegan.start import SCALE, Start, fit_start
from deidframe_stylegan.targets import Target

Array = NDArray[np.float32]
LOOK = 256
"""Pixels of the picture in which landmarks are found, whatever the proxy's size."""
ON_GPU = 8
"""Groups aimed at together on a GPU; on a CPU one after another is as fast."""


@dataclass
class _Face:
    """A finished face.

    Args:
        picture: `(S, S, 3)`.
        loss: weighted squared distance to the targets in units of their spread, plus 1: 1 is the bound; infinite where no face is
            found.
        score: the detector's.
    """

    picture: NDArray[np.uint8]
    loss: float
    score: float


class GradientAim:
    """Makes aimed faces.

    Args:
        params, context: of the synthesizer.
        generator: for the finished pictures.

    Raises:
        PluginError: an encoder that is aimed by cannot be followed by torch, or none is known to the bank.
    """

    def __init__(self, params: StyleGanParams, context: Context, generator: Generator) -> None:
        self._params, self._context, self._generator = params, context, generator
        self.recognizers: dict[str, Recognizer] = {
            name: context.recognizers[name] for name in params.encoders if name in context.recognizers
        }
        self._device = params.device or ("cuda" if torch.cuda.is_available() else "cpu")
        self._encoders = {}
        for name, recognizer in self.recognizers.items():
            self._encoders[name] = differentiable(recognizer, name, "stylegan")
        self._judge = context.recognizers.get(params.attributes) if params.attributes else None
        self._wish = self._judge.as_torch() if self._judge else None
        self._torch = TorchGenerator(context).to(self._device)
        self._portrait = load_portrait()
        third = max(1, params.steps // 3)
        self._stages = (Stage(128, params.steps, 0.12, 0.02), Stage(256, third, 0.03, 0.01))
        self._starts: dict[tuple[str, ...], Start] = {}
        _keep_memory()

    def make(self, targets: Mapping[str, Target], size: int, wanted: Array | None) -> Iterator[NDArray[np.uint8]]:
        """Yield a picture for each group.

        Args:
            targets: by the encoders' names.
            size: of the pictures.
            wanted: `(G, 4)` what the attribute encoder should say.
        """
        names = [name for name in self._params.encoders if name in targets]
        start = self._start(names)
        count = len(targets[names[0]].mean)
        batch = ON_GPU if self._device.startswith("cuda") else 1
        made: list[Array] = []
        for first in range(0, count, batch):
            rows = list(range(first, min(first + batch, count)))
            yield from self._batch(rows, targets, names, start, size, wanted, made)

    def point(self, targets: Mapping[str, Target]) -> Array:
        """Return the `(23, A)` point, in coordinates on W's axes, of the face aimed at one target."""
        names = [one for one in self._params.encoders if one in targets]
        start = self._start(names)
        objective = Objective([self._goal(one, targets[one], [0]) for one in names], self._portrait)
        begin = start.points({self.recognizers[one].space: targets[one].mean for one in names})
        rng = self._context.rng(_digest(targets[names[0]].mean))
        done = aim(self._torch, objective, start.basis, start.w_mean, begin, self._find, rng, self._stages)
        return np.asarray(done.points[0])

    def picture(self, point: Array, size: int) -> NDArray[np.uint8]:
        """Return the finished picture of a `(23, A)` point."""
        start = self._start(list(self.recognizers))
        return self._generator.picture(start.w_mean + point @ start.basis, size)

    def _start(self, names: list[str]) -> Start:
        spaces = tuple(self.recognizers[name].space for name in names)
        if spaces not in self._starts:
            found = fit_start(spaces)
            if found is None:
                raise PluginError(
                    f"stylegan: none of {', '.join(names)} is known to the bank of starts; add sface or dlib-resnet"
                )
            self._starts[spaces] = found
        return self._starts[spaces]

    def _batch(
        self,
        rows: list[int],
        targets: Mapping[str, Target],
        names: list[str],
        start: Start,
        size: int,
        wanted: Array | None,
        made: list[Array],
    ) -> Iterator[NDArray[np.uint8]]:
        by_space = {self.recognizers[name].space: targets[name].mean[rows] for name in names}
        goals = [self._goal(name, targets[name], rows) for name in names]
        away = torch.from_numpy(np.stack(made)).to(self._device) if self._params.distinct and made else None
        wish = None
        if self._wish is not None and wanted is not None:
            wish = Wish(self._wish, torch.from_numpy(wanted[rows]).to(self._device))
        objective = Objective(goals, self._portrait, frontal=self._params.frontal, wish=wish, away=away)
        begin = start.points(by_space)
        faces = [
            self._look(start.w_mean + q @ start.basis, targets, names, row, size) for row, q in zip(rows, begin, strict=True)
        ]
        best = list(faces)
        notes: list[dict[str, Any]] = [
            {"group": row, "start": _plain(face), "tries": []} for row, face in zip(rows, faces, strict=True)
        ]
        for attempt in range(self._params.tries):
            # another start lies nearer to the mean face, where faces are surest
            q = begin if attempt == 0 else start.points(by_space, SCALE / (1 + attempt))
            # by what is aimed at and not by position: the same group gets the same face in whatever company
            rng = self._context.rng(f"{_digest(targets[names[0]].mean[rows])}/{attempt}")
            done = aim(self._torch, objective, start.basis, start.w_mean, q, self._find, rng, self._stages)
            for place, row in enumerate(rows):
                face = self._look(start.w_mean + done.points[place] @ start.basis, targets, names, row, size)
                note = {"aimed": _plain(face), "proxy": round(float(done.ratio[place]), 4), "seconds": round(done.seconds, 2)}
                notes[place]["tries"].append({**note, "curve": [round(c, 4) for c in done.curve]})
                if (face.score < self._params.min_score, face.loss) < (
                    best[place].score < self._params.min_score,
                    best[place].loss,
                ):
                    best[place] = face
            if all(face.score >= self._params.min_score for face in best):
                break
        for place, face in enumerate(best):
            notes[place]["refused"] = face is faces[place]  # the start's face stands in
            self._context.record("stylegan", notes[place])
            if face is faces[place]:
                self._context.log(f"  stylegan: aiming gained nothing for group {rows[place]}; it gets the face of its start")
            if self._params.distinct:
                made.append(self._encoding(face.picture, names[0]))
            yield face.picture

    def _goal(self, name: str, target: Target, rows: list[int]) -> Goal:
        mean, spread = (torch.from_numpy(value[rows]).to(self._device) for value in (target.mean, target.spread))
        return Goal(self._encoders[name], mean, spread, self._params.encoders[name])

    def _look(self, w: Array, targets: Mapping[str, Target], names: list[str], row: int, size: int) -> _Face:
        """Make the finished picture and look at it with every encoder."""
        picture = self._generator.picture(w, size)
        faces = FaceSet(("surrogate",), picture[None])
        total, weights, score = 0.0, 0.0, 0.0
        for name in names:
            recognition = self.recognizers[name].recognize(faces)
            score = float(recognition.scores[0])
            if not len(recognition.embeddings):
                return _Face(picture, float("inf"), 0.0)
            target, weight = targets[name], self._params.encoders[name]
            far = float(((recognition.embeddings.vectors[0] - target.mean[row]) ** 2).sum())
            total, weights = total + weight * (1 + far / float(target.spread[row])), weights + weight
        return _Face(picture, total / weights, score)

    def _encoding(self, picture: NDArray[np.uint8], name: str) -> Array:
        recognition = self.recognizers[name].recognize(FaceSet(("surrogate",), picture[None]))
        return (
            recognition.embeddings.vectors[0]
            if len(recognition.embeddings)
            else np.zeros(recognition.embeddings.vectors.shape[1], np.float32)
        )

    def _find(self, pictures: NDArray[np.uint8]) -> Array:
        return find_landmarks(next(iter(self.recognizers.values())), pictures)


def differentiable(recognizer: Recognizer, name: str, who: str) -> TorchEncoder:
    """Return the encoder for torch.

    Raises:
        PluginError: it cannot be followed.
    """
    found = recognizer.as_torch()
    if found is None:
        raise PluginError(f"{who} cannot aim by {name!r}: it has no network that torch can follow; leave it out")
    return found


def find_landmarks(recognizer: Recognizer, pictures: NDArray[np.uint8]) -> Array:
    """Return `(G, 5, 2)` landmarks in the pictures' own pixels, NaN where no face is found."""
    side = pictures.shape[1]
    large = np.stack([np.asarray(cv2.resize(one, (LOOK, LOOK), interpolation=cv2.INTER_LINEAR), np.uint8) for one in pictures])
    recognition = recognizer.recognize(FaceSet(tuple(str(n) for n in range(len(large))), large))
    # centres of pixels, not their corners, correspond
    marks = (recognition.landmarks + 0.5) * (side / LOOK) - 0.5
    return np.where((recognition.scores > 0)[:, None, None], marks, np.nan).astype(np.float32)


def _digest(values: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def _plain(face: _Face) -> dict[str, float | None]:
    return {"loss": round(face.loss, 4) if np.isfinite(face.loss) else None, "score": round(face.score, 4)}


def _keep_memory() -> None:
    """Let glibc keep freed memory for the next step: torch asks for the same large blocks in each, and faulting them in anew
    takes as long as the computation."""
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    # up to a size and an amount: what is free beyond a gigabyte goes back, so that long runs do not grow
    m_trim_threshold, m_mmap_threshold = -1, -3
    libc.mallopt(m_mmap_threshold, 256 * 2**20)
    libc.mallopt(m_trim_threshold, 2**30)
