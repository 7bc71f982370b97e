"""Draw the faces of each group side by side in a frame of its own."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract.errors import NothingToDo, UsageError
from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.tools.encode import faces_of_folder
from deidframe.guard.hygiene import encode_jpeg

SIDE, GAP, COLUMNS = 64, 4, 8
WIDTH = 4
"""Frames beside one another."""
MAX_GROUPS = 400


def read_groups(path: Path) -> dict[str, int]:
    """Return id -> group of an `id,group` file, without the noise.

    Raises:
        UsageError: the file is missing or no such file.
    """
    try:
        lines = list(csv.reader(path.read_text("utf-8", "surrogateescape").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {str(path)!r}: {error}") from None
    if not lines or lines[0] != ["id", "group"]:
        raise UsageError(f"{path.name}:1: expected the header id,group")
    groups: dict[str, int] = {}
    for number, line in enumerate(lines[1:], 2):
        if len(line) != 2 or not line[1].lstrip("-").isdigit():
            raise UsageError(f"{path.name}:{number}: expected an id and a group number, got {','.join(line)!r}")
        if int(line[1]) >= 0:
            groups[line[0]] = int(line[1])
    return groups


def montage(groups_file: Path, data: Path, detector: str, scratch: Path, reporter: Reporter) -> tuple[bytes, int, int, int]:
    """Return a JPEG, the number of groups and faces on it, and how many ids had no face in the folder.

    Raises:
        NothingToDo: none of the ids has a face in the folder. UsageError: the groups file is no such file, or too many groups.
    """
    groups = read_groups(groups_file)
    faces = faces_of_folder(data, detector, scratch, reporter).faces
    row_of = {face: row for row, face in enumerate(faces.ids)}
    members: dict[int, list[int]] = {}
    for face, group in groups.items():
        if face in row_of:
            members.setdefault(group, []).append(row_of[face])
    shown = sum(map(len, members.values()))
    if not shown:
        raise NothingToDo(f"none of the {len(groups)} ids of {groups_file.name} is a picture with a face in {str(data)!r}")
    if len(members) > MAX_GROUPS:
        raise UsageError(f"{groups_file.name}: {len(members)} groups do not fit on a picture; at most {MAX_GROUPS}")
    columns = min(COLUMNS, max(map(len, members.values())))
    frames = [_frame(faces.images[np.array(rows)], columns) for _, rows in sorted(members.items())]
    return encode_jpeg(_sheet(frames)), len(members), shown, len(groups) - shown


def _frame(pictures: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Return the faces of one group in rows of so many, on white, with a grey edge."""
    rows = -(-len(pictures) // columns)
    step = SIDE + GAP
    out = np.full((rows * step + GAP + 2, columns * step + GAP + 2, 3), 255, np.uint8)
    out[[0, -1]] = out[:, [0, -1]] = 150
    for place, picture in enumerate(pictures):
        y, x = GAP + 1 + place // columns * step, GAP + 1 + place % columns * step
        out[y : y + SIDE, x : x + SIDE] = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return out


def _sheet(frames: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Stack the frames into columns, each next one into the shortest."""
    heights = [GAP] * min(WIDTH, len(frames))
    places = []
    for frame in frames:
        column = int(np.argmin(heights))
        places.append((heights[column], column))
        heights[column] += frame.shape[0] + 2 * GAP
    wide = frames[0].shape[1] + 2 * GAP
    out = np.full((max(heights), wide * len(heights) + GAP, 3), 255, np.uint8)
    for frame, (y, column) in zip(frames, places, strict=True):
        out[y : y + frame.shape[0], GAP + column * wide : GAP + column * wide + frame.shape[1]] = frame
    return out
