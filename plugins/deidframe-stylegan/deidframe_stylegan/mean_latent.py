"""The original authors' way: find each member's latent, average them, go towards the mean face while too many members match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, IndexedStack, PluginError, Surrogates, new_pictures
from deidframe_stylegan.generator import Generator
from deidframe_stylegan.gradient import GradientAim
from deidframe_stylegan.plugin import StyleGanMeanParams, StyleGanParams
from deidframe_stylegan.targets import Target, group_targets, member_targets

Array = NDArray[np.float32]


class StyleGanMean:
    """Synthesizer `stylegan-mean`.

    Args:
        params: see there.
        context: its recogniser encodes in the grouping encoder's space; it knows who is who.
    """

    def __init__(self, params: StyleGanMeanParams, context: Context) -> None:
        if context.recognizer is None:
            raise PluginError("stylegan-mean needs a recognizer: a detector and the encoder that made the groups")
        self._params, self._context, self._recognizer = params, context, context.recognizer
        self._generator = Generator(context)
        aiming = StyleGanParams(aim="gradient", encoders=params.encoders, steps=params.steps, tries=1, device=params.device)
        self._aim = GradientAim(aiming, context, self._generator)

    def synthesize(self, faces: FaceSet, surrogates: Surrogates) -> FaceSet:
        """Return one face for each group: the weighted mean of its members' latents, as far from the mean face as it may be.

        Raises:
            PluginError: who is who is not known, or targets were moved away from their members.
        """
        if faces.subjects is None:
            raise PluginError("stylegan-mean needs to know who is who: it looks for each member's latent")
        groups, inverse = np.unique(surrogates.groups, return_inverse=True)
        _, first, person = np.unique(np.array(faces.subjects), return_index=True, return_inverse=True)
        if not group_targets(faces, surrogates, self._recognizer, self._aim.recognizers, inverse)[1]:
            raise PluginError("stylegan-mean averages what members look like, so it cannot keep targets that were moved away")
        targets = member_targets(faces, self._aim.recognizers, person)
        share = np.bincount(person, surrogates.weights)
        height, width = faces.size
        pictures = new_pictures(len(groups), height, width, self._context.scratch)
        group_of = inverse[first]
        each = [np.flatnonzero(group_of == group) for group in range(len(groups))]
        for group, found in enumerate(self._context.track(self._latents(each, targets), len(groups), "find latents")):
            members = each[group]
            mean = np.einsum("m,msa->sa", share[members] / share[members].sum(), found)
            near = next(iter(targets.values())).mean[members]
            pictures[group], alpha, matched = self._lowered(mean.astype(np.float32), near, height)
            note = {"group": int(groups[group]), "alpha": round(alpha, 3), "matched": round(matched, 3)}
            self._context.record("stylegan-mean", note)
        return FaceSet(faces.ids, IndexedStack(pictures, inverse.astype(np.int64)), faces.landmarks)

    def _latents(self, each: Sequence[NDArray[np.int64]], targets: Mapping[str, Target]) -> Iterator[Array]:
        """Yield the points of each group's members, `(M, 23, A)`; a GPU aims at those of several groups side by side."""
        start = 0
        while start < len(each):
            stop = start + 1
            while stop < len(each) and sum(map(len, each[start : stop + 1])) <= self._aim.together:
                stop += 1
            rows = np.concatenate(each[start:stop]).tolist()
            found = self._aim.points({name: target.rows(rows) for name, target in targets.items()})
            yield from np.split(found, np.cumsum([len(members) for members in each[start : stop - 1]]))
            start = stop

    def _lowered(self, mean: Array, members: Array, size: int) -> tuple[NDArray[np.uint8], float, float]:
        """Return the picture at the largest alpha at which no more than `most` of the members match, or at the least alpha."""
        p = self._params
        recognizer = next(iter(self._aim.recognizers.values()))
        alphas = np.arange(p.alpha, p.least_alpha - 1e-9, -p.step) if p.alpha > p.least_alpha else np.array([p.alpha])
        picture, matched = np.zeros((size, size, 3), np.uint8), 1.0
        for alpha in alphas.tolist():
            picture = self._aim.picture(alpha * mean, size)
            recognition = recognizer.recognize(FaceSet(("surrogate",), picture[None]))
            if not len(recognition.embeddings):
                continue
            matched = float((np.linalg.norm(members - recognition.embeddings.vectors[0], axis=1) <= p.threshold).mean())
            if matched <= p.most:
                return picture, alpha, matched
        return picture, float(alphas[-1]), matched
