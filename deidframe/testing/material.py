"""What components are tried on: small, made up, and the same every time."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, FaceSet, Need, Params, Partition, Photos, Surrogates, align
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.recognizer import CachingRecognizer
from deidframe.engine.components.step import Step
from deidframe.engine.runtime.progress import Quiet
from deidframe.host.catalogue import Catalogue, Loaded
from deidframe.recipe.packaged import usual

SIDE = 256
SEED = 20261125


@dataclass
class Bench:
    """A component and what it is tried with.

    Args:
        loaded: the component.
        params: recipe parameters for it.
        scratch: a folder of its own.
        catalogue: what is installed.
    """

    loaded: Loaded
    params: dict[str, Any]
    scratch: Path
    catalogue: Catalogue = field(default_factory=Catalogue)
    _recognizers: dict[str, CachingRecognizer] = field(default_factory=dict)

    @property
    def role(self) -> str:
        """Of the component."""
        return self.loaded.listed.role

    @property
    def name(self) -> str:
        """Of the component."""
        return self.loaded.component.name

    @property
    def space(self) -> str:
        """Embedding space of what it is given: one that it accepts."""
        accepted = Step(self.role, self.loaded, self.made_params).accepted_spaces
        if self.role == "encoder" or not accepted:
            return usual().judge if usual().judge in self.catalogue.names("encoder") else "any"
        return str(accepted[0])

    @property
    def made_params(self) -> Params:
        """The validated parameters."""
        return self.loaded.component.params.model_validate(self.params)

    def make(self, seed: int = SEED) -> Any:
        """Return a fresh component with a context as the core would give it."""
        context = Context(seed=seed, scratch=Path(tempfile.mkdtemp(dir=self.scratch)))
        context = replace(context, recognizers={name: self.recognizer(name) for name in self.made_params.recognizers})
        if self.needs(Need.RECOGNIZER):
            context = replace(context, recognizer=self.recognizer(self.space))
        return self.loaded.make(self.made_params, context)

    def real_faces(self, count: int, *, subjects: bool = False) -> FaceSet:
        """Return faces of people who do not exist where a source of such is installed, else drawn ones."""
        sources = [self.catalogue.load("source", name) for name in self.catalogue.names("source")]
        source = next((one for one in sources if one.component.fictitious), None)
        if source is None:
            return faces(count, subjects=subjects)
        params = source.component.params.model_validate({"people": max(1, count // 2), "pictures": 2})
        listed = source.make(params, Context(seed=SEED, scratch=self.scratch)).load()
        ids = listed.ids[:count]
        shown = np.stack([listed.open(one) for one in ids])
        marks = np.repeat(align.template(SIDE)[None], len(ids), axis=0)
        return FaceSet(ids, shown, marks, listed.subjects[: len(ids)] if subjects else None)

    def recognizer(self, encoder: str) -> CachingRecognizer:
        """Return the real detector with this encoder; both have to be installed."""
        if encoder not in self._recognizers:
            found, seen = self.catalogue.load("detector", usual().detector), self.catalogue.load("encoder", encoder)
            detector = Step("detector", found, found.component.params())
            pool = ComponentPool(SEED, detector, Path(tempfile.mkdtemp(dir=self.scratch)), Quiet())
            self._recognizers[encoder] = pool.recognizer(Step("encoder", seen, seen.component.params()))
        return self._recognizers[encoder]

    def surrogates(self, of: FaceSet, groups: int) -> Surrogates:
        """Return targets as `surrogates` does; for a component with a recogniser they are what that sees, as in a run."""
        made = surrogates(of, self.space, groups)
        if not self.needs(Need.RECOGNIZER) or not len(of):
            return made
        seen = self.recognizer(self.space).encode(of).vectors
        sums = np.zeros((int(made.groups.max()) + 1, seen.shape[1]), np.float32)
        np.add.at(sums, made.groups, seen * made.weights[:, None].astype(np.float32))
        return replace(made, targets=sums[made.groups])

    def needs(self, need: Need) -> bool:
        """Whether the component asks for this."""
        return need in self.loaded.component.needs


def pictures(count: int, seed: int = SEED) -> NDArray[np.uint8]:
    """Return `(count, 256, 256, 3)` drawn faces: an oval with eyes, nose and mouth in colours of their own."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    out = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for n in range(count):
        back, skin, dark = rng.integers(0, 256, 3), rng.integers(90, 240, 3), rng.integers(0, 80, 3)
        image = np.broadcast_to(back, (SIDE, SIDE, 3)).astype(np.float32).copy()
        image[((columns - 128) / 62) ** 2 + ((rows - 145) / 84) ** 2 < 1] = skin
        for x, y in align.template(SIDE):
            size = rng.uniform(5, 9)
            image[((columns - x) / size) ** 2 + ((rows - y) / (size * 0.6)) ** 2 < 1] = dark
        image += rng.normal(0, 6, image.shape)
        out[n] = np.clip(image, 0, 255).astype(np.uint8)
    return out


def faces(count: int, *, subjects: bool = False, people: int | None = None) -> FaceSet:
    """Return faces with landmarks near the template; with `subjects`, of `people` people (default: half as many as faces)."""
    rng = np.random.default_rng(SEED + 1)
    marks = (align.template(SIDE) + rng.normal(0, 1.5, (count, 5, 2))).astype(np.float32)
    who = people or max(1, count // 2)
    names = tuple(f"person {n % who}" for n in range(count)) if subjects else None
    return FaceSet(tuple(f"face-{n}" for n in range(count)), pictures(count), marks, names)


def blurred(count: int) -> FaceSet:
    """Return the drawn faces as a blur of 8 pixels, each a little stronger than the last, would release them."""
    clear = faces(count)
    shown = [cv2.GaussianBlur(one, (0, 0), 8 + n / 2) for n, one in enumerate(np.asarray(clear.images[:]))]
    return FaceSet(clear.ids, np.stack(shown).astype(np.uint8), clear.landmarks)


def photos(count: int) -> Photos:
    """Return the drawn faces as photos."""
    return Photos.from_arrays(tuple(f"photo-{n}" for n in range(count)), list(pictures(count)))


def people(count: int, space: str, *, dim: int = 128, seed: int = SEED) -> Embeddings:
    """Return people as the core gives them: one row each, shorter than one, in loose clusters."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(1, count // 6), dim))
    rows = centres[np.arange(count) % len(centres)] + 0.7 * rng.standard_normal((count, dim))
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12) / 0.9
    return Embeddings(tuple(f"person-{n:06d}" for n in range(count)), rows.astype(np.float32), space)


def partition(count: int, groups: int) -> Partition:
    """Return people dealt into groups in turn."""
    return Partition(tuple(f"person-{n:06d}" for n in range(count)), (np.arange(count) % groups).astype(np.int64))


def surrogates(of: FaceSet, space: str, groups: int) -> Surrogates:
    """Return targets for faces dealt into groups in turn, people kept together where they are known."""
    names = of.subjects or of.ids
    number = np.unique(np.array(names), return_inverse=True)[1] % groups
    targets = people(groups, space, seed=SEED + 2).vectors[number]
    return Surrogates(of.ids, targets, number.astype(np.int64), 1 / np.bincount(number)[number], space)
