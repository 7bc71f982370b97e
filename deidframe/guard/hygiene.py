"""Write pictures so that nothing but their pixels gets out: bare arrays, opaque keyed names, one time for all files."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import ReleaseRefused, StoreError
from deidframe.contract.stacks import IndexedStack

TIME = 946684800
"""Modification time of every released file: 2000-01-01, so that the order of writing says nothing."""
JPEG_QUALITY = 95
BATCH = 64
POOL = ThreadPoolExecutor(2, thread_name_prefix="deidframe-jpeg")
"""Encodes and decodes released pictures."""


def encode_jpeg(pixels: NDArray[np.uint8], quality: int = JPEG_QUALITY) -> bytes:
    """Return the JPEG of a bare `(H, W, 3)` RGB array: no metadata can be in it, and equal pixels give equal bytes."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    done, buffer = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), settings)
    if not done:
        raise StoreError("a picture could not be encoded as JPEG")
    return bytes(buffer)


def decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Return the `(H, W, 3)` RGB pixels of a released file.

    Raises:
        StoreError: it is no picture any more.
    """
    read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if read is None:
        raise StoreError("a released file is no picture any more: it was changed after it was written")
    return np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8)  # a view turned round takes 40 times as long to copy


def bare_jpeg(data: bytes) -> bool:
    """Return whether a JPEG holds its picture and nothing else: no metadata segment, no comment, no byte after the end.

    Of the application segments only JFIF's own header of 16 bytes, which says nothing but the density, may be there.
    """
    if data[:2] != b"\xff\xd8" or data[-2:] != b"\xff\xd9":
        return False
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        header = kind == 0xE0 and length == 16 and data[at + 4 : at + 9] == b"JFIF\0"
        if kind not in _PICTURE and not header:
            return False
        if kind == 0xDA:  # the picture itself: in it 0xFF is followed by 0 or a restart mark, so any other mark has to be the end
            mark = _MARK.search(data, at + 2 + length)
            return mark is not None and mark.start() == len(data) - 2
        at += 2 + length
    return False


_PICTURE = frozenset({0xDB, 0xC4, 0xDA, 0xDD, 0xC0, 0xC1})
"""Segments of which a JPEG of one scan consists: tables, the frame, the scan, the restart interval."""
_MARK = re.compile(rb"\xff[^\x00\xd0-\xd7]")


def check_bare(paths: Iterable[Path], method: str) -> int:
    """Refuse files that hold more than a picture, or whose time says when they were written; return how many were read.

    Raises:
        ReleaseRefused: a file holds something else.
    """
    count = 0
    for path in paths:
        if not bare_jpeg(path.read_bytes()) or int(path.stat().st_mtime) != TIME:
            raise ReleaseRefused(f"{method}: a written file holds more than its picture; nothing is released")
        count += 1
    return count


def opaque_name(key: bytes, method: str, face_id: str) -> str:
    """Return a file name that says nothing without the secret key, and whose sort order is a shuffle."""
    return hmac.new(key, f"{method}\0{face_id}".encode(errors="surrogateescape"), hashlib.sha256).hexdigest()[:20] + ".jpg"


class Written(NamedTuple):
    """A file that was written.

    Args:
        face: id; name: of the file; digest: its sha256; data: its bytes.
    """

    face: str
    name: str
    digest: str
    data: bytes


def write_pictures(faces: FaceSet, folder: Path, key: bytes, method: str) -> Iterator[Written]:
    """Write every face into `folder` and yield each file as it goes.

    A picture that faces of a batch share is encoded once. Files are made with mode 0644 and one modification time.

    Raises:
        StoreError: the disk is full or the folder may not be written.
    """
    for start in range(0, len(faces), BATCH):
        stop = min(start + BATCH, len(faces))
        part = range(start, stop)
        shown = faces.images.rows[start:stop].tolist() if isinstance(faces.images, IndexedStack) else list(part)
        places = {row: place for place, row in reversed(list(enumerate(shown)))}
        pixels = faces.images[start:stop]
        encoded = dict(zip(places, POOL.map(encode_jpeg, (pixels[place] for place in places.values())), strict=True))
        for row, face_id in zip(shown, faces.ids[start:stop], strict=True):
            yield _written(encoded[row], folder, key, method, face_id)


def write_again(paths: Mapping[str, Path], folder: Path, key: bytes, method: str) -> Iterator[Written]:
    """Write files of an earlier release byte for byte, named for the faces that show them now; as `write_pictures` otherwise.

    Raises:
        StoreError: a file cannot be read, or not be written.
    """
    for face_id, path in paths.items():
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StoreError(f"cannot read {path.name} of the earlier release: {error.strerror}") from error
        yield _written(data, folder, key, method, face_id)


def _written(data: bytes, folder: Path, key: bytes, method: str, face_id: str) -> Written:
    name = opaque_name(key, method, face_id)
    target = folder / name
    try:
        target.write_bytes(data)
        os.utime(target, (TIME, TIME))
    except OSError as error:
        raise StoreError(f"cannot write a picture into {str(folder)!r}: {error.strerror}") from error
    return Written(face_id, name, hashlib.sha256(data).hexdigest(), data)
