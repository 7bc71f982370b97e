"""Thumbnails for the report's contact sheet: surrogates always, members only where they may be shown."""

from __future__ import annotations

import hmac
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet
from deidframe.guard.hygiene import encode_jpeg
from deidframe.guard.release import Release
from deidframe.record.write import write_bytes, write_json

GROUPS = 6
MEMBERS = 6
LARGE, SMALL = 160, 80


def write_contact_sheet(folder: Path, release: Release, slug: str, key: bytes, *, fictitious: bool, with_originals: bool) -> None:
    """Write small pictures of a few groups (or of a few faces before and after).

    Originals of people who do not exist are shown; of real people only `with_originals`, and then all of it under `private`.
    Which groups of real people are shown, and in which order, is drawn by a secret for each method: the first ones of the folder
    in the same places on every sheet would tell who they are.

    Args:
        key: secret of the run.
        fictitious: the owner says that nobody of them exists.
    """
    homes = [(folder / "figures" / "sheet" / slug, fictitious)]
    if with_originals and not fictitious:
        homes.append((folder / "private" / "figures" / "sheet" / slug, True))
    chosen = _chosen(release, None if fictitious else hmac.digest(key, f"sheet|{slug}".encode(), "sha256"))
    for home, show in homes:
        entries = []
        for number, faces in enumerate(chosen):
            shown = f"{number:02d}.jpg"
            write_bytes(home / shown, _thumb(release.faces, faces[0], LARGE))
            members = []
            if show:
                for place, face in enumerate(faces[:MEMBERS]):
                    name = f"{number:02d}-{place}.jpg"
                    write_bytes(home / name, _thumb(release.originals, face, SMALL))
                    members.append(name)
            entries.append({"shown": shown, "members": members, "people": len({release.subjects[f] for f in faces})})
        write_json(home / "sheet.json", {"shared": release.groups is not None, "groups": entries})


def _chosen(release: Release, key: bytes | None) -> list[list[int]]:
    """Return rows of one face a person for some groups; without groups, one face each of some people: the first, or by a key."""
    subjects, groups = release.subjects, release.groups
    out: dict[str | int, dict[str, int]] = {}
    for row in range(len(release)) if key is None else _drawn(release.faces.ids, key):
        place = groups[release.faces.ids[row]] if groups is not None else subjects[row]
        if place in out or len(out) < GROUPS * (1 if groups is not None else 2):
            out.setdefault(place, {}).setdefault(subjects[row], row)
    return [list(people.values()) for people in out.values()]


def _drawn(ids: tuple[str, ...], key: bytes) -> list[int]:
    order = [hmac.digest(key, one.encode("utf-8", "surrogateescape"), "sha256") for one in ids]
    return sorted(range(len(ids)), key=order.__getitem__)


def _thumb(faces: FaceSet, row: int, side: int) -> bytes:
    pixels: NDArray[np.uint8] = np.asarray(faces.images[row : row + 1])[0]
    return encode_jpeg(np.asarray(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA), np.uint8))
