"""Thumbnails for the report's contact sheet: surrogates always, members only where they may be shown."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet
from deidframe.engine.plan import Plan
from deidframe.guard.hygiene import encode_jpeg
from deidframe.record.write import write_bytes, write_json

GROUPS = 6
MEMBERS = 6
LARGE, SMALL = 160, 80


def write_sheet(
    folder: Path, clear: FaceSet, released: FaceSet, groups: dict[str, int] | None, slug: str, plan: Plan, *, with_originals: bool
) -> None:
    """Write small pictures of a few groups (or of a few faces before and after).

    Originals of people who do not exist are shown; of real people only `with_originals`, and then all of it under `private`.
    """
    fictitious = plan.source.loaded.component.fictitious
    homes = [(folder / "figures" / "sheet" / slug, fictitious)]
    if with_originals and not fictitious:
        homes.append((folder / "private" / "figures" / "sheet" / slug, True))
    row_of = {face: row for row, face in enumerate(clear.ids)}
    chosen = _chosen(released, groups)
    for home, show in homes:
        protects = any(m.slug == slug and m.protects for m in plan.methods)
        if not protects:  # what was never released has no place among what is
            continue
        entries = []
        for number, faces in enumerate(chosen):
            shown = f"{number:02d}.jpg"
            write_bytes(home / shown, _thumb(released, faces[0], LARGE))
            members = []
            if show:
                for place, face in enumerate(faces[:MEMBERS]):
                    name = f"{number:02d}-{place}.jpg"
                    write_bytes(home / name, _thumb(clear, row_of[released.ids[face]], SMALL))
                    members.append(name)
            entries.append({"shown": shown, "members": members, "people": len({(released.subjects or ())[f] for f in faces})})
        write_json(home / "sheet.json", {"shared": groups is not None, "groups": entries})


def _chosen(released: FaceSet, groups: dict[str, int] | None) -> list[list[int]]:
    """Return rows of one face a person for the first groups; without groups, one face each of the first people."""
    subjects = released.subjects or ()
    out: dict[str | int, dict[str, int]] = {}
    for row, face in enumerate(released.ids):
        key = groups[face] if groups is not None else subjects[row]
        if key in out or len(out) < GROUPS * (1 if groups is not None else 2):
            out.setdefault(key, {}).setdefault(subjects[row], row)
    return [list(people.values()) for people in out.values()]


def _thumb(faces: FaceSet, row: int, side: int) -> bytes:
    pixels: NDArray[np.uint8] = np.asarray(faces.images[row : row + 1])[0]
    return encode_jpeg(np.asarray(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA), np.uint8))
