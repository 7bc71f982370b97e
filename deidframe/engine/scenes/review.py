"""`private/review.html`: those faces at which a person should look, before and after, so that an hour of video takes minutes.

The page shows real people and stays in the private folder.
"""

from __future__ import annotations

import base64
import csv
import html
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract.errors import UnreadablePhoto
from deidframe.engine.scenes.video_files import read
from deidframe.guard.hygiene import decode_jpeg, encode_jpeg
from deidframe.record.write import write_bytes
from deidframe.words import counted

PAGE = "review.html"
MOST = 120
"""Entries of a page; those that deserve a look most come first."""
SIDE, AROUND = 150, 2.2
"""Side of a shown part in pixels, and of the face in it: so many times its box."""
SURE, WEAK, BRIEF = 0.6, 0.5, 3
"""Score below which a face in a photo is unsure; share of frames in which a track is seen, and frames, below which it is weak."""
Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Doubt:
    """Something at which a person should look.

    Args:
        file: of the owner.
        why: in words.
        weight: the larger the earlier.
        shown: frame (None for a photo) and box of each part that is shown.
    """

    file: str
    why: str
    weight: float
    shown: tuple[tuple[int | None, Box], ...]


def doubts_of_photos(faces: Path) -> Iterator[Doubt]:
    """Yield faces of photos of which a detector was not sure; `faces` is the list of them."""
    if not faces.exists():
        return
    with faces.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        for row in csv.DictReader(stream):
            score = float(row["score"])
            if row["done"] == "left as it is":
                yield Doubt(row["photo"], "left as it is, as the owner says", 3.0, ((None, _box(row)),))
            elif score < SURE:
                yield Doubt(
                    row["photo"],
                    f"{row['seen_by']} was not sure ({score:.2f}); {row['done']}",
                    SURE - score,
                    ((None, _box(row)),),
                )


def doubts_of_tracks(tracks: Path) -> Iterator[Doubt]:
    """Yield tracks of a video that were seen for a moment or in few of their frames, and faces seen only in the released file."""
    rows: dict[str, list[dict[str, str]]] = {}
    late: dict[str, list[dict[str, str]]] = {}
    with tracks.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        for row in csv.DictReader(stream):
            (rows if row["track"] else late).setdefault(row["track"] or row["video"], []).append(row)
    for own in late.values():
        count = len({row["frame"] for row in own})
        yield Doubt(own[0]["video"], f"seen only in the released file, and covered in {counted(count, 'frame')}", 2.5, _some(own))
    for number, own in rows.items():
        seen = sum(row["how"] == "seen" for row in own)
        when = f"track {number}, frames {own[0]['frame']} to {own[-1]['frame']}"
        changes = sum(a["done"] != b["done"] for a, b in itertools.pairwise(own))
        if seen <= BRIEF:
            yield Doubt(own[0]["video"], f"{when}: seen in {seen} of {len(own)} frames", 1.0 - 0.1 * seen, _some(own))
        elif seen < WEAK * len(own):
            yield Doubt(own[0]["video"], f"{when}: seen in {seen} of {len(own)} frames", 2.0 - seen / len(own), _some(own))
        elif changes:
            first = next(n for n in range(1, len(own)) if own[n]["done"] != own[n - 1]["done"])
            shown = own[max(0, first - 1) : first + 2]
            yield Doubt(
                own[0]["video"], f"{when}: drawn and covered in turn, {changes} times", 0.5 + 0.05 * changes, _some(shown)
            )


def _box(row: Mapping[str, str]) -> Box:
    return float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"])


def _some(rows: Sequence[Mapping[str, str]]) -> tuple[tuple[int | None, Box], ...]:
    """Return the first, the middle and the last, those between sightings before others."""
    unseen = [row for row in rows if row["how"] != "seen"] or list(rows)
    chosen = {unseen[0]["frame"]: unseen[0], unseen[len(unseen) // 2]["frame"]: unseen[len(unseen) // 2]}
    chosen[unseen[-1]["frame"]] = unseen[-1]
    return tuple((int(row["frame"]), _box(row)) for row in chosen.values())


def write_review(
    private: Path, doubts: Sequence[Doubt], originals: Callable[[str], Path | Pixels], released: Mapping[str, Path]
) -> Path:
    """Write the page.

    Args:
        private: folder for it.
        doubts: in any order.
        originals: file -> the video's path, or a photo's pixels.
        released: file -> the released photo or video; files that are not released are left out.
    """
    kept = sorted((one for one in doubts if one.file in released), key=lambda one: -one.weight)
    parts = _parts(kept[:MOST], originals, released)
    body = "\n".join(
        f"<section><h2>{html.escape(one.file.encode('utf-8', 'replace').decode())}</h2><p>{html.escape(one.why)}</p>"
        + "".join(_figure(parts[one.file, frame, box]) for frame, box in one.shown if (one.file, frame, box) in parts)
        + "</section>"
        for one in kept[:MOST]
    )
    more = f" The first {MOST} of {len(kept)} are shown." if len(kept) > MOST else ""
    intro = (
        f"{len(kept)} of the faces and tracks deserve a look: left is what came in, right what is released.{more}"
        " This page shows real people; it belongs in the private folder."
        if kept
        else "No face and no track stands out: every face was seen surely, and every track in most of its frames."
    )
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>What deserves a look</title>'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
        "section{border-top:1px solid #8886;padding:.5rem 0}h2{font-size:1rem;margin:0;overflow-wrap:anywhere}p{margin:.2rem 0}"
        "figure{display:inline-block;margin:.3rem 1rem .3rem 0}img{margin-right:2px}figcaption{font-size:.8rem}</style></head>"
        f"<body><h1>What deserves a look</h1><p>{intro}</p>{body}</body></html>\n"
    )
    target = private / PAGE
    write_bytes(target, page.encode("utf-8", "replace"), private=True)
    return target


def _figure(pair: tuple[int | None, Pixels, Pixels]) -> str:
    frame, before, after = pair
    pictures = (base64.b64encode(encode_jpeg(one, 85)).decode() for one in (before, after))
    shown = "".join(
        f'<img src="data:image/jpeg;base64,{data}" width="{SIDE}" height="{SIDE}" alt="{alt}">'
        for data, alt in zip(pictures, ("what came in", "what is released"), strict=True)
    )
    return f"<figure>{shown}<figcaption>{'' if frame is None else f'frame {frame}'}</figcaption></figure>"


def _parts(
    doubts: Sequence[Doubt], originals: Callable[[str], Path | Pixels], released: Mapping[str, Path]
) -> dict[tuple[str, int | None, Box], tuple[int | None, Pixels, Pixels]]:
    """Cut what is shown out of originals and released files, each video decoded once."""
    wanted: dict[str, list[tuple[int | None, Box]]] = {}
    for one in doubts:
        wanted.setdefault(one.file, []).extend(one.shown)
    out: dict[tuple[str, int | None, Box], tuple[int | None, Pixels, Pixels]] = {}
    for file, places in wanted.items():
        try:
            before = originals(file)
            if isinstance(before, Path):
                last = max(frame or 0 for frame, _ in places)
                for first, second in zip(read(before), read(released[file]), strict=False):
                    here = [box for frame, box in places if frame == first.number]
                    if here:
                        pictures = first.planes.rgb(), second.planes.rgb()
                        for box in here:
                            out[file, first.number, box] = (first.number, _cut(pictures[0], box), _cut(pictures[1], box))
                    if first.number >= last:
                        break
            else:
                after = decode_jpeg(released[file].read_bytes())
                for _, box in places:
                    out[file, None, box] = (None, _cut(before, box), _cut(after, box))
        except (OSError, UnreadablePhoto):  # what cannot be shown is told without a picture
            continue
    return out


def _cut(picture: Pixels, box: Box) -> Pixels:
    """Return a square part around a box; what lies outside of the picture is grey."""
    half = AROUND * max(box[2] - box[0], box[3] - box[1], 8.0) / 2
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    scale = SIDE / (2 * half)
    matrix = np.array([[scale, 0, SIDE / 2 - scale * x], [0, scale, SIDE / 2 - scale * y]])
    cut = cv2.warpAffine(
        picture, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_CONSTANT, borderValue=(127, 127, 127)
    )
    return np.asarray(cut, np.uint8)
