"""Redactor `command`: a program takes a folder of faces and makes others of them."""

from __future__ import annotations

import hashlib
import shutil

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Detections, FaceSet, Partial, Photos, UnreadablePhoto
from deidframe_command.plugin import CommandParams
from deidframe_command.program import run_program

IN_MEMORY = 256 * 2**20
"""Bytes of photos that one run of the program is given, about."""
AT_ONCE = 2_000
"""Faces that one run of the program is given, at most: starting it costs more than a picture."""


class CommandRedactor:
    """Redactor `command`.

    Args:
        params: which program.
        context: gives a folder, and takes what is said.
    """

    def __init__(self, params: CommandParams, context: Context) -> None:
        self._params, self._context = params, context
        self._made: dict[str, NDArray[np.uint8] | str] = {}
        self._files = context.scratch / "made"

    def fit(self, faces: FaceSet) -> None:
        """Run the program on all faces at once, some thousands at a time, and keep what it made on disk."""
        for part in faces.batches(AT_ONCE):
            self._run(part)

    def redact(self, faces: FaceSet) -> Partial:
        """Return what the program made; faces that were not among those of `fit` are run now."""
        keys = [_key(picture) for picture in np.asarray(faces.images[:])]
        if any(key not in self._made for key in keys):
            self._run(faces)
        images = np.zeros((len(faces), *faces.size, 3), np.uint8)
        withheld = {}
        for row, key in enumerate(keys):
            kept = self._made[key]
            if isinstance(kept, str):
                withheld[faces.ids[row]] = kept
            else:
                images[row] = kept
        return Partial(FaceSet(faces.ids, images, faces.landmarks), withheld)

    def redact_scene(self, photos: Photos, seen: Detections) -> Photos:
        """Return whole photos as the program made them; they lie in the scratch folder until the next ones are made."""
        folder = self._context.scratch / "photos"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        skipped: dict[str, str] = {}
        part: dict[str, NDArray[np.uint8]] = {}
        for place, photo in enumerate(photos):
            try:
                part[photo] = photos.open(photo)
            except UnreadablePhoto as error:
                skipped[photo] = error.reason
            if part and (sum(one.nbytes for one in part.values()) > IN_MEMORY or place == len(photos) - 1):
                done = run_program(self._params, self._context, part, {name: name for name in part})
                for name, picture in done.pictures.items():
                    np.save(folder / f"{name}.npy", picture)
                skipped |= done.missing
                part = {}
        made = tuple(photo for photo in photos if photo not in skipped)
        return Photos(made, lambda name: np.array(np.load(folder / f"{name}.npy", mmap_mode="r")), skipped=skipped)

    def _run(self, faces: FaceSet) -> None:
        pictures = np.asarray(faces.images[:])
        names = {_key(picture): row for row, picture in enumerate(pictures)}  # equal pictures are run once
        new = {name: pictures[row] for name, row in names.items() if name not in self._made}
        done = run_program(self._params, self._context, new, {name: name for name in new})
        if done.extra:
            self._context.log(f"command: {done.extra} files that belong to no face were left alone")
        self._files.mkdir(exist_ok=True)
        for name, picture in done.pictures.items():
            file = self._files / f"{name}.npy"
            np.save(file, picture)
            self._made[name] = np.load(file, mmap_mode="r")
        self._made.update(done.missing)


def _key(picture: NDArray[np.uint8]) -> str:
    return hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()[:24]
