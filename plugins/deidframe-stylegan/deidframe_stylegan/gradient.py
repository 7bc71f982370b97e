"""Aim a face at each group: start, follow gradients through the proxy, make the picture, look at it, keep the better one."""

from __future__ import annotations

import ctypes
import hashlib
import platform
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, PluginError, Recognizer, TorchEncoder
from deidframe.models import reproducible_torch
from deidframe_stylegan.aim import Finder, aim, stages_of
from deidframe_stylegan.arrays import STYLES
from deidframe_stylegan.differentiable import FULL, OnTheWay, TorchGenerator, rounds
from deidframe_stylegan.generator import LATENT, Generator
from deidframe_stylegan.objective import Goal, Objective, Wish
from deidframe_stylegan.plugin import StyleGanParams
from deidframe_stylegan.portrait import load_portrait
from deidframe_stylegan.start import SCALE, Start, fit_start
from deidframe_stylegan.targets import Target

T = TypeVar("T")
Array = NDArray[np.float32]
LOOK = 256
"""Pixels of the picture in which landmarks are found, whatever the proxy's size."""
ON_GPU = 64
"""Groups aimed at together on a GPU, at most; on a CPU each has a thread."""
EACH = 600 * 2**20
"""Bytes of a GPU that a group takes at 256 pixels; half of it where products are rounded."""


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


@dataclass(frozen=True)
class _Asked:
    """What is asked of the groups.

    Args:
        targets: by the encoders' names.
        names, spaces: of those that are aimed by.
        start: in their encodings.
        wanted: `(G, 4)` what the attribute encoder should say.
    """

    targets: Mapping[str, Target]
    names: list[str]
    spaces: list[str]
    start: Start
    wanted: Array | None

    def begins(self, rows: list[int], scale: float = SCALE) -> Array:
        """Return the starts of these groups, `(len(rows), A)`."""
        space = dict(zip(self.names, self.spaces, strict=True))
        return self.start.points({space[name]: self.targets[name].mean[rows] for name in self.names}, scale)


@dataclass(frozen=True)
class _Way:
    """Where one group's start led: its `(23, A)` point, its loss at the start, and what is recorded."""

    point: Array
    began: float
    note: dict[str, Any]


_AimAt = Callable[[list[int], _Asked, int, list[Array]], list[_Way]]


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
        self.watched: dict[str, Recognizer] = {}
        self._device = params.device or context.device
        self._encoders = {}
        if params.watch is not None and params.watch in context.recognizers:
            self.watched[params.watch] = context.recognizers[params.watch]
        self._torch = TorchGenerator(context).to(self._device)
        self._way = OnTheWay(self._torch, self._device)
        for name, recognizer in {**self.recognizers, **self.watched}.items():
            encoder = differentiable(recognizer, name, "stylegan")
            self._encoders[name] = replace(encoder, run=self._way.encoder(encoder.run))
        self._judge = context.recognizers.get(params.attributes) if params.attributes else None
        self._wish = self._judge.as_torch() if self._judge else None
        self._portrait = load_portrait()
        self._stages = stages_of(params.effort, params.steps)
        self._on_gpu = self._device.startswith("cuda")
        # faces that shall differ from those before them wait for them
        self._at_once = 1 if params.distinct else self._fit() if self._on_gpu else min(params.groups_at_once, context.threads)
        self._starts: dict[tuple[str, ...], Start] = {}
        _keep_memory()

    def make(self, targets: Mapping[str, Target], size: int, wanted: Array | None) -> Iterator[NDArray[np.uint8]]:
        """Yield a picture for each group.

        Args:
            targets: by the encoders' names; the watched encoder's among them, where there is one.
            size: of the pictures.
            wanted: `(G, 4)` what the attribute encoder should say.
        """
        names = [name for name in self._params.encoders if name in targets]
        count = len(targets[names[0]].mean)
        asked = _Asked(targets, names, [self.recognizers[name].space for name in names], self._start(names), wanted)
        made: list[Array] = []
        with self._side_by_side() as aim_at:
            first = 0
            while first < count:
                rows = list(range(first, min(first + self._at_once, count)))
                yield from self._faces(rows, asked, size, made, aim_at)
                first += len(rows)

    @contextmanager
    def _side_by_side(self) -> Iterator[_AimAt]:
        """Give what aims at several groups: on a GPU together, on a CPU one in each thread.

        A thread's products are its own, so a face does not depend on who is aimed at beside it.
        """
        if self._on_gpu:
            yield lambda rows, asked, attempt, made: self._in_halves(
                rows, lambda part: self._aimed(part, asked, attempt, made, self._find)
            )
            return
        lock = Lock()  # what looks at pictures, outside of torch, is asked by one at a time

        def find(pictures: NDArray[np.uint8]) -> Array:
            with lock:
                return self._find(pictures)

        with reproducible_torch(), self._torch.one_thread_each(), ThreadPoolExecutor(self._at_once) as threads:

            def aim_at(rows: list[int], asked: _Asked, attempt: int, made: list[Array]) -> list[_Way]:
                parts = threads.map(lambda row: self._aimed([row], asked, attempt, made, find), rows)
                return [way for part in parts for way in part]

            yield aim_at

    @property
    def together(self) -> int:
        """How many `points` aims at side by side."""
        return self._at_once if self._on_gpu else 1

    def points(self, targets: Mapping[str, Target]) -> Array:
        """Return the `(G, 23, A)` points, in coordinates on W's axes, of the faces aimed at G targets."""
        names = [one for one in self._params.encoders if one in targets]
        start = self._start(names)
        count = len(targets[names[0]].mean)

        def aimed(rows: list[int]) -> list[Array]:
            objective = Objective([self._goal(one, targets[one], rows) for one in names], self._portrait)
            begin = start.points({self.recognizers[one].space: targets[one].mean[rows] for one in names})
            rngs = [self._context.rng(_digest(targets[names[0]].mean[[row]])) for row in rows]
            return list(aim(self._way, objective, start.basis, start.w_mean, begin, self._find, rngs, self._stages).points)

        out: list[Array] = []
        while len(out) < count:
            out += self._in_halves(list(range(len(out), min(len(out) + self.together, count))), aimed)
        return np.stack(out)

    def picture(self, point: Array, size: int) -> NDArray[np.uint8]:
        """Return the finished picture of a `(23, A)` point."""
        start = self._start(list(self.recognizers))
        return self._generator.picture(start.w_mean + point @ start.basis, size)

    def _fit(self) -> int:
        """Return how many groups the GPU's free memory holds, half of it left to others."""
        free, _ = torch.cuda.mem_get_info(torch.device(self._device))
        return int(min(ON_GPU, max(1, free // 2 // (EACH // 2 if rounds(self._device) else EACH))))

    def _start(self, names: list[str]) -> Start:
        spaces = tuple(self.recognizers[name].space for name in names)
        if spaces not in self._starts:
            found = fit_start(spaces)
            if found is None:
                raise PluginError(
                    f"stylegan: none of {', '.join(names)} is known to the bank of starts; add sface, dlib-resnet or facenet"
                )
            self._starts[spaces] = found
        return self._starts[spaces]

    def _faces(self, rows: list[int], asked: _Asked, size: int, made: list[Array], aim_at: _AimAt) -> Iterator[NDArray[np.uint8]]:
        """Yield the faces of some groups: aimed at, drawn, looked at, and begun anew where the detector is not sure."""
        least = self._params.min_score
        tried: dict[int, list[tuple[_Face, _Way]]] = {row: [] for row in rows}
        unsure = rows
        for attempt in range(self._params.tries):
            ways = aim_at(unsure, asked, attempt, made)
            points = np.stack([asked.start.w_mean + way.point @ asked.start.basis for way in ways])
            for row, face, way in zip(unsure, self._look(asked, unsure, points, size), ways, strict=True):
                tried[row].append((face, way))
            unsure = [row for row in unsure if all(face.score < least for face, _ in tried[row])]
            if not unsure:
                break
        chosen = {row: min((face for face, _ in tried[row]), key=lambda face: (face.score < least, face.loss)) for row in rows}
        # nothing gained, it seems: the face of the start is weighed, too
        doubted = [row for row, best in chosen.items() if best.score < least or best.loss >= tried[row][0][1].began]
        starts = asked.start.w_mean + asked.begins(doubted) @ asked.start.basis if doubted else np.zeros((0, 0), np.float32)
        plainly = dict(zip(doubted, self._look(asked, doubted, starts, size), strict=True))
        for row, best in chosen.items():
            refused = False
            if (plain := plainly.get(row)) is not None:
                refused = (plain.score < least, plain.loss) <= (best.score < least, best.loss)
                best = plain if refused else best
            if refused:
                self._context.log(f"  stylegan: aiming gained nothing for group {row}; it gets the face of its start")
            tries = [{"aimed": _plain(face), **way.note} for face, way in tried[row]]
            start = {"proxy": round(tried[row][0][1].began, 4)}
            self._context.record("stylegan", {"group": row, "start": start, "tries": tries, "refused": refused})
            if self._params.distinct:
                made.append(self._encoding(best.picture, asked.names[0]))
            yield best.picture

    def _aimed(self, rows: list[int], asked: _Asked, attempt: int, made: list[Array], find: Finder) -> list[_Way]:
        """Return the ways of these groups, which go side by side."""
        goals = [self._goal(name, asked.targets[name], rows) for name in asked.names]
        away = torch.from_numpy(np.stack(made)).to(self._device) if self._params.distinct and made else None
        wish, watched = None, None
        if self._wish is not None and asked.wanted is not None:
            wish = Wish(self._wish, torch.from_numpy(asked.wanted[rows]).to(self._device))
        if self._params.watch is not None and self._params.watch in asked.targets:
            watched = self._goal(self._params.watch, asked.targets[self._params.watch], rows)
        objective = Objective(goals, self._portrait, frontal=self._params.frontal, wish=wish, away=away, watched=watched)
        # another start lies nearer to the mean face, where faces are surest
        q = asked.begins(rows, SCALE / (1 + attempt) if attempt else SCALE)
        # by what is aimed at and not by position: the same group gets the same face in whatever company
        rngs = [self._context.rng(f"{_digest(asked.targets[asked.names[0]].mean[[row]])}/{attempt}") for row in rows]
        done = aim(self._way, objective, asked.start.basis, asked.start.w_mean, q, find, rngs, self._stages)
        began = done.began if done.began is not None else np.full(len(rows), np.inf, np.float32)
        curve = [round(c, 4) for c in done.curve]
        return [
            _Way(
                done.points[place],
                float(began[place]),
                {"proxy": round(float(done.ratio[place]), 4), "seconds": round(done.seconds, 2), "curve": curve},
            )
            for place in range(len(rows))
        ]

    def _in_halves(self, rows: list[int], work: Callable[[list[int]], list[T]]) -> list[T]:
        """Return what `work` makes of these groups, in halves where a GPU has no room for all: others may have taken some.

        Raises:
            PluginError: it has none for a single one.
        """
        try:
            return work(rows)
        except torch.OutOfMemoryError as error:
            if len(rows) == 1:
                raise PluginError(
                    f"stylegan: {self._device} has no memory left for a single group ({str(error).partition('. ')[0]});"
                    " free some, or run with --device cpu"
                ) from None
        torch.cuda.empty_cache()
        self._at_once = half = (len(rows) + 1) // 2
        self._context.log(f"  stylegan: {self._device} has no room for {len(rows)} groups at once; {half} from here on")
        return [one for part in (rows[:half], rows[half:]) for one in self._in_halves(part, work)]

    def _goal(self, name: str, target: Target, rows: list[int]) -> Goal:
        mean, spread = (torch.from_numpy(value[rows]).to(self._device) for value in (target.mean, target.spread))
        return Goal(self._encoders[name], mean, spread, self._params.encoders.get(name, 0.0))

    def _look(self, asked: _Asked, rows: list[int], w: Array, size: int) -> list[_Face]:
        """Make the finished pictures of these groups, `w` `(G, 23, 512)` or `(G, 512)`, and look at them with every encoder."""
        if not rows:
            return []
        pictures = self._drawn(w, size)
        ids = tuple(str(row) for row in rows)
        faces = FaceSet(ids, pictures)
        total, weights = np.zeros(len(rows)), 0.0
        score = np.zeros(len(rows), np.float32)
        for name in asked.names:
            recognition = self.recognizers[name].recognize(faces)
            target, weight = asked.targets[name], self._params.encoders[name]
            seen = dict(zip(recognition.embeddings.ids, recognition.embeddings.vectors, strict=True))
            score = recognition.scores
            for place, row in enumerate(rows):
                far = float(((seen[ids[place]] - target.mean[row]) ** 2).sum()) if ids[place] in seen else float("inf")
                total[place] += weight * (1 + far / float(target.spread[row]))
            weights += weight
        found = np.isfinite(total)
        return [_Face(pictures[n], float(total[n] / weights), float(score[n]) if found[n] else 0.0) for n in range(len(rows))]

    def _drawn(self, w: Array, size: int) -> NDArray[np.uint8]:
        """Return finished pictures, `(G, size, size, 3)`."""
        if not self._on_gpu:
            return np.stack([self._generator.picture(one, size) for one in w])
        points = np.array(np.broadcast_to(w.reshape(len(w), -1, LATENT), (len(w), STYLES, LATENT)), np.float32)
        side = size if FULL % size == 0 else FULL
        made = self._torch.pictures(torch.from_numpy(points).to(self._device), side).permute(0, 2, 3, 1).cpu().numpy()
        if side != size:
            made = np.stack([cv2.resize(one, (size, size), interpolation=cv2.INTER_AREA) for one in made])
        return np.asarray(np.rint(made), np.uint8)

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
