"""Write pictures so that nothing but their pixels gets out: bare arrays, opaque keyed names, one time for all files."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import StoreError
from deidframe.contract.stacks import IndexedStack

TIME = 946684800
"""Modification time of every released file: 2000-01-01, so that the order of writing says nothing."""
JPEG_QUALITY = 95
BATCH = 64
_POOL = ThreadPoolExecutor(2, thread_name_prefix="deidframe-encode")


def encode_jpeg(pixels: NDArray[np.uint8], quality: int = JPEG_QUALITY) -> bytes:
    """Return the JPEG of a bare `(H, W, 3)` RGB array: no metadata can be in it, and equal pixels give equal bytes."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    done, buffer = cv2.imencode(".jpg", np.ascontiguousarray(pixels[:, :, ::-1]), settings)
    if not done:
        raise StoreError("a picture could not be encoded as JPEG")
    return bytes(buffer)


def decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    """Return the `(H, W, 3)` RGB pixels of a released file."""
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1]


def opaque_name(key: bytes, method: str, face_id: str) -> str:
    """Return a file name that says nothing without the secret key, and whose sort order is a shuffle."""
    return hmac.new(key, f"{method}\0{face_id}".encode(errors="surrogateescape"), hashlib.sha256).hexdigest()[:20] + ".jpg"


def write_pictures(faces: FaceSet, folder: Path, key: bytes, method: str) -> Iterator[tuple[str, str, str]]:
    """Write every face into `folder` and yield `(face id, file name, sha256 of the file)` as it goes.

    A picture that faces of a batch share is encoded once. Files are made with mode 0644 and one modification time.
    """
    for start in range(0, len(faces), BATCH):
        stop = min(start + BATCH, len(faces))
        part = range(start, stop)
        shown = faces.images.rows[start:stop].tolist() if isinstance(faces.images, IndexedStack) else list(part)
        places = {row: place for place, row in reversed(list(enumerate(shown)))}
        pixels = faces.images[start:stop]
        encoded = dict(zip(places, _POOL.map(encode_jpeg, (pixels[place] for place in places.values())), strict=True))
        for row, face_id in zip(shown, faces.ids[start:stop], strict=True):
            data = encoded[row]
            name = opaque_name(key, method, face_id)
            target = folder / name
            target.write_bytes(data)
            os.utime(target, (TIME, TIME))
            yield face_id, name, hashlib.sha256(data).hexdigest()
