"""Cut the face out of each photo to the one template, when its pixels are asked for and not before."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.errors import ArtifactError
from deidframe.contract.photos import Photos
from deidframe.engine.intake.crop_store import LARGE, CropStore

SIZE = 256
"""Side of the face pictures of a run, in pixels."""
CACHE_BYTES = 192 * 1024 * 1024
"""Pixels of small databases are kept; of large ones the first so many bytes, the rest is decoded anew."""
RECENT = 128
"""Faces that are kept besides until as many others were read: several components look at a batch one after the other."""
SEAL = 16
"""Bytes of a face's sha256 that are kept."""
AT_HAND = 64 * 1024 * 1024
"""Bytes of a photo up to which the one decoded last is kept: its other faces are mostly asked for next."""
NOBODY = np.zeros((0, 4), np.float32)
_POOL = ThreadPoolExecutor(2, thread_name_prefix="deidframe-decode")


class CropStack:
    """The faces of a database as a stack `(N, 256, 256, 3)` that is decoded and warped on demand.

    Args:
        photos: the database.
        photo_ids: the photo of each of the N faces.
        matrices: `(N, 2, 3)`, photo pixels to face pixels.
        bystanders: row -> boxes `(B, 4)`, in photo pixels, of the other faces in its photo, where there are some; what shows of
            them is covered, so that nobody reaches a release whom no method protected.
        store: where faces of large photos are held, None decodes their photo whenever they are asked for.
    """

    def __init__(
        self,
        photos: Photos,
        photo_ids: tuple[str, ...],
        matrices: NDArray[np.float64],
        bystanders: Mapping[int, NDArray[np.float32]],
        store: CropStore | None = None,
    ) -> None:
        self._store = store
        self._last: tuple[str, NDArray[np.uint8]] | None = None
        self._photos, self._ids, self._matrices, self._bystanders = photos, photo_ids, matrices, bystanders
        self._cache: dict[int, NDArray[np.uint8]] = {}
        self._recent: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._seals = np.zeros((len(photo_ids), SEAL), np.uint8)
        self._sealed = np.zeros(len(photo_ids), bool)
        self._sizes: dict[int, tuple[int, int]] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """`(N, 256, 256, 3)`."""
        return (len(self._ids), SIZE, SIZE, 3)

    @property
    def photo_ids(self) -> tuple[str, ...]:
        """The photo of each face."""
        return self._ids

    @property
    def matrices(self) -> NDArray[np.float64]:
        """`(N, 2, 3)`, photo pixels to face pixels."""
        return self._matrices

    @property
    def photos(self) -> Photos:
        """Out of which the faces are cut."""
        return self._photos

    def beside(self, row: int) -> NDArray[np.float32]:
        """Return the boxes `(B, 4)` of the other faces in a face's photo."""
        return self._bystanders.get(row, NOBODY)

    @property
    def store(self) -> CropStore | None:
        """Where faces of large photos are held."""
        return self._store

    @property
    def bystanders(self) -> Mapping[int, NDArray[np.float32]]:
        """Row -> boxes of the other faces in its photo."""
        return self._bystanders

    def photo_size(self, row: int) -> tuple[int, int]:
        """Return height and width of a face's photo."""
        if row not in self._sizes:
            height, width = self._opened(self._ids[row]).shape[:2]
            self._sizes[row] = height, width
        return self._sizes[row]

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        rows = np.arange(len(self))[key].reshape(-1).tolist()
        out = np.empty((len(rows), SIZE, SIZE, 3), np.uint8)
        for place, face in enumerate(_POOL.map(self._face, rows)):
            out[place] = face
        return out

    def _face(self, row: int) -> NDArray[np.uint8]:
        """Return a face, which is the one that it was when it was first asked for: by it a release is judged.

        Raises:
            ArtifactError: it is another one now.
        """
        face = self._made(row)
        seal = np.frombuffer(hashlib.sha256(face.data).digest()[:SEAL], np.uint8)
        if not self._sealed[row]:
            self._seals[row], self._sealed[row] = seal, True
        elif not np.array_equal(self._seals[row], seal):
            raise ArtifactError(
                "originals",
                "images",
                "a face as it was when it was first read",
                "another: a file changed, or a component wrote in it",
            )
        return face

    def _made(self, row: int) -> NDArray[np.uint8]:
        kept = self._cache.get(row)
        if kept is None:
            kept = self._recent.get(row)
        if kept is not None:
            return kept
        face = self._cut_out(row)
        face.flags.writeable = False
        if len(self._cache) * face.nbytes < CACHE_BYTES:
            self._cache[row] = face
        else:
            self._recent[row] = face
            while len(self._recent) > RECENT:
                with suppress(KeyError):  # both threads may take out the last one
                    self._recent.popitem(last=False)
        return face

    def _cut_out(self, row: int) -> NDArray[np.uint8]:
        photo, matrix, beside = self._ids[row], self._matrices[row], self._bystanders.get(row, NOBODY)
        if self._store is None:
            return cut(self._opened(photo), matrix, beside)
        key = CropStore.key(photo, matrix, beside)
        held = self._store.get(key)
        if held is not None:
            return held
        pixels = self._opened(photo)
        face = cut(pixels, matrix, beside)
        if pixels.shape[0] * pixels.shape[1] >= LARGE:
            self._store.put(key, face)
        return face

    def _opened(self, photo: str) -> NDArray[np.uint8]:
        last = self._last  # another thread may put its own there meanwhile
        if last is not None and last[0] == photo:
            return last[1]
        pixels = self._photos.open(photo)
        if pixels.nbytes <= AT_HAND:
            self._last = photo, pixels
        return pixels


def cut(pixels: NDArray[np.uint8], matrix: NDArray[np.float64], bystanders: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the face that lies at a place of a photo, everybody else covered.

    Args:
        pixels: of the photo; matrix: `(2, 3)`, photo pixels to face pixels; bystanders: `(B, 4)` boxes in photo pixels.
    """
    face = align.warp(pixels, matrix, SIZE)
    for box in bystanders:
        cover_bystander(face, box, matrix)
    return face


def cover_bystander(face: NDArray[np.uint8], box: NDArray[np.float32], matrix: NDArray[np.float64]) -> None:
    """Fill another face's box, grown by a tenth, with the picture's mean colour, leaving the middle where the own face is."""
    grow = 0.1 * (box[2:] - box[:2])
    x0, y0 = box[:2] - grow
    x1, y1 = box[2:] + grow
    corners = align.apply(matrix, np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]))
    mask = np.zeros(face.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, np.rint(np.clip(corners, -10 * SIZE, 10 * SIZE)).astype(np.int32), 1)
    marks = align.template(SIZE)
    centre = marks.mean(axis=0)
    reach = float(np.abs(marks - centre).max())
    own = (int(centre[0]), int(centre[1]))
    cv2.ellipse(mask, own, (int(1.6 * reach), int(2.2 * reach)), 0, 0, 360, 0, -1)
    face[mask.astype(bool)] = face.mean(axis=(0, 1)).astype(np.uint8)
