"""The shipped pictures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Photos, PluginError, UnreadablePhoto
from deidframe_people.plugin import PeopleParams

FACES = Path(__file__).parent / "faces"


def read(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Return the pixels of a shipped picture, resized to a height and width where they are given."""
    from PIL import Image  # only where a picture is opened: checking a recipe opens none

    try:
        with Image.open(path) as picture:
            upright = picture.convert("RGB")
            if size is not None and (upright.height, upright.width) != size:
                upright = upright.resize((size[1], size[0]), Image.Resampling.LANCZOS)
            return np.array(upright)
    except OSError as error:
        raise UnreadablePhoto(f"shipped picture is broken ({type(error).__name__})") from None


@dataclass(frozen=True)
class _Opener:
    root: Path

    def __call__(self, photo_id: str) -> NDArray[np.uint8]:
        return read(self.root / photo_id)


@dataclass(frozen=True)
class _Stamp:
    root: Path

    def __call__(self, photo_id: str) -> str:
        try:
            return hashlib.sha256((self.root / photo_id).read_bytes()).hexdigest()
        except OSError:
            return ""


class SyntheticPeople:
    """Source `synthetic-people`; ids are `p01/1.jpg` to `p50/6.jpg`."""

    def __init__(self, params: PeopleParams, context: Context) -> None:
        self._params = params

    def load(self) -> Photos:
        """List the pictures.

        Raises:
            PluginError: the installed package holds no pictures.
        """
        people = sorted(path.name for path in FACES.iterdir() if path.is_dir())[: self._params.people] if FACES.is_dir() else []
        if not people:
            raise PluginError(f"deidframe-people: {FACES} holds no pictures; reinstall the package")
        ids = tuple(f"{person}/{n}.jpg" for person in people for n in range(1, self._params.pictures + 1))
        subjects = tuple(photo_id.partition("/")[0] for photo_id in ids)
        return Photos(ids, _Opener(FACES), subjects, _Stamp(FACES))
