"""A few clear pictures kept for people to be asked about, where nobody exists or the owner asked for originals."""

from __future__ import annotations

import hmac
from pathlib import Path

import cv2
import numpy as np

from deidframe.contract.artifacts import FaceSet
from deidframe.guard.hygiene import encode_jpeg
from deidframe.record.write import write_bytes, write_json

HOME = Path("private") / "originals"
PEOPLE = 120
"""People of whom pictures are kept, drawn by the run's key."""
EACH = 2
"""Pictures of each: one among the candidates, and another for those questions that ask about a clear face."""
SIDE = 160


def keep_originals(folder: Path, faces: FaceSet, key: bytes) -> None:
    """Write small clear pictures and `index.json`, person -> [face id, file] of each.

    Args:
        folder: the run folder.
        faces: untouched, with subjects.
        key: secret of the run.
    """
    rows: dict[str, list[int]] = {}
    for row, person in enumerate(faces.subjects or ()):
        rows.setdefault(person, []).append(row)

    def drawn(person: str) -> bytes:
        return hmac.digest(key, f"asked|{person}".encode("utf-8", "surrogateescape"), "sha256")

    index: dict[str, list[list[str]]] = {}
    for n, person in enumerate(sorted(rows, key=drawn)[:PEOPLE]):
        for place, row in enumerate(rows[person][:EACH]):
            picture = np.asarray(faces.images[row : row + 1])[0]
            small = np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
            name = f"{n:03d}-{place}.jpg"
            write_bytes(folder / HOME / name, encode_jpeg(small), private=True)
            index.setdefault(person, []).append([faces.ids[row], name])
    write_json(folder / HOME / "index.json", index, private=True)
