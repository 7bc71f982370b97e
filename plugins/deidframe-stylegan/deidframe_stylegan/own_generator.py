"""Synthesizer `stylegan2`: the user's own checkpoint, aimed at each group by the same gradients."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, IndexedStack, PluginError, Surrogates, new_pictures
from deidframe.models import reproducible_torch
from deidframe_stylegan.aim import Stage, aim
from deidframe_stylegan.checkpoint import read_checkpoint
from deidframe_stylegan.gradient import differentiable, find_landmarks
from deidframe_stylegan.objective import Goal, Objective
from deidframe_stylegan.plugin import StyleGan2Params
from deidframe_stylegan.portrait import load_portrait
from deidframe_stylegan.stylegan2 import StyleGan2
from deidframe_stylegan.targets import Target, group_targets

Array = NDArray[np.float32]
DRAWS = 4096
"""Draws of W whose mean and principal axes span the search, as for the shipped generator."""
AXES = 300
PSI = 0.7


class StyleGan2Faces:
    """Synthesizer `stylegan2`.

    Args:
        params: which checkpoint.
        context: its recogniser encodes in the grouping encoder's space.

    Raises:
        WeightsError: the checkpoint is missing, damaged or another network. PluginError: an encoder cannot be followed.
    """

    @reproducible_torch()
    def __init__(self, params: StyleGan2Params, context: Context) -> None:
        if context.recognizer is None:
            raise PluginError("stylegan2 needs a recognizer: a detector and the encoder that made the groups")
        state, digest = read_checkpoint(params.checkpoint.expanduser(), params.sha256)
        context.log(f"  stylegan2: {params.checkpoint.name}, sha256 {digest}")
        self._params, self._context, self._grouping = params, context, context.recognizer
        self._device = params.device or context.device
        self._model = StyleGan2(state).to(self._device)
        self.recognizers = {name: context.recognizers[name] for name in params.encoders if name in context.recognizers}
        self._encoders = {name: differentiable(recognizer, name, "stylegan2") for name, recognizer in self.recognizers.items()}
        noise = context.rng("draws").standard_normal((DRAWS, 512), np.float32)
        with torch.inference_mode():
            w = self._model.mapping(torch.from_numpy(noise).to(self._device)).cpu().numpy()
        self._w_mean = w.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov((w - self._w_mean).T))
        order = np.argsort(-values)[:AXES]
        scales = np.sqrt(np.maximum(values[order], 1e-12))
        self._basis = (vectors[:, order] * scales).T.astype(np.float32)
        self._q = (PSI * (w[: params.starts] - self._w_mean) @ (vectors[:, order] / scales)).astype(np.float32)
        self._seen: dict[str, Array] | None = None

    @reproducible_torch()
    def synthesize(self, faces: FaceSet, surrogates: Surrogates) -> FaceSet:
        """Return one face for each group, shown by all the group's faces."""
        groups, inverse = np.unique(surrogates.groups, return_inverse=True)
        targets, _ = group_targets(faces, surrogates, self._grouping, self.recognizers, inverse)
        height, width = faces.size
        pictures = new_pictures(len(groups), height, width, self._context.scratch)
        for group in self._context.track(range(len(groups)), len(groups), "make surrogates"):
            pictures[group] = self._face({name: target.rows([group]) for name, target in targets.items()}, group, height)
        return FaceSet(faces.ids, IndexedStack(pictures, inverse.astype(np.int64)), faces.landmarks)

    def _face(self, targets: Mapping[str, Target], group: int, size: int) -> NDArray[np.uint8]:
        goals = [self._goal(name, target) for name, target in targets.items()]
        start = self._q[self._nearest(targets)][None]
        if self._params.steps == 0:
            return self._picture(np.repeat(start[0][None], self._model.styles, axis=0), size)
        # pose and expression were measured on another generator's W; colours hold for any
        portrait = load_portrait()
        blind = type(portrait)(portrait.colour_mean, portrait.colour_whiten, np.zeros((AXES, 4), np.float32))
        sides = [min(side, self._model.side) for side in (128, 256)]
        stages = (
            Stage(sides[0], self._params.steps, 0.12, 0.02),
            Stage(sides[1], max(1, self._params.steps // 3), 0.03, 0.01),
        )
        objective = Objective(goals, blind)
        recognizer = next(iter(self.recognizers.values()))
        rng = self._context.rng(hashlib.sha256(next(iter(targets.values())).mean.tobytes()).hexdigest())
        done = aim(
            self._model, objective, self._basis, self._w_mean, start, lambda p: find_landmarks(recognizer, p), [rng], stages
        )
        self._context.record("stylegan2", {"group": group, "curve": [round(c, 4) for c in done.curve]})
        return self._picture(done.points[0], size)

    def _goal(self, name: str, target: Target) -> Goal:
        mean, spread = (torch.from_numpy(value).to(self._device) for value in (target.mean, target.spread))
        return Goal(self._encoders[name], mean, spread, self._params.encoders[name])

    def _nearest(self, targets: Mapping[str, Target]) -> int:
        """Return the draw whose face is nearest to the group; the faces of all starts are drawn and encoded once."""
        if self._seen is None:
            side = min(256, self._model.side)
            drawn = np.stack([self._picture(np.repeat(q[None], self._model.styles, axis=0), side) for q in self._q])
            faces = FaceSet(tuple(str(n) for n in range(len(drawn))), drawn)
            self._seen = {}
            for name, recognizer in self.recognizers.items():
                recognition = recognizer.recognize(faces)
                rows = np.full((len(drawn), recognition.embeddings.vectors.shape[1]), np.nan, np.float32)
                rows[[int(i) for i in recognition.embeddings.ids]] = recognition.embeddings.vectors
                self._seen[name] = rows
        far = np.zeros(len(self._q))
        for name, target in targets.items():
            weight = self._params.encoders[name] / float(target.spread[0])
            seen = self._seen[name]
            if seen.shape[1]:
                far += weight * ((seen - target.mean[0]) ** 2).sum(axis=1)
        return int(np.nanargmin(far)) if np.isfinite(far).any() else 0

    def _picture(self, points: Array, size: int) -> NDArray[np.uint8]:
        with torch.inference_mode():
            w = torch.from_numpy((self._w_mean + points @ self._basis).astype(np.float32)).to(self._device)
            made = self._model(w[None])[0].permute(1, 2, 0).cpu().numpy()
        pixels = np.clip((made + 1) * 127.5, 0, 255)
        shrinks = pixels.shape[0] > size
        fitted = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
        return np.asarray(np.rint(np.clip(fitted, 0, 255)), np.uint8)
