"""What is wrong with a release before a recogniser looks at it: unchanged pictures, metadata, telling names, who shares what."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.contract.photos import Photos
from deidframe.engine.intake.crops import SIZE
from deidframe.engine.intake.foreign import Pairing
from deidframe.words import counted

UNCHANGED = 5.0
"""Mean difference of grey levels inside a face up to which it is the original's: a JPEG written again differs by two or three."""
BATCH = 64
SHORT = 3
"""Letters of a name below which it tells nothing."""
KINDS: Mapping[int, str] = {
    34853: "GPS position",
    36867: "time taken",
    306: "time changed",
    271: "camera",
    42036: "lens",
    315: "artist",
}
"""EXIF tags that are named; others are counted as EXIF."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Args:
        what: was looked for.
        said: what was seen.
        count: how many pictures, people or files.
        bad: whether it speaks against the release.
        names: of files, for the owner alone.
    """

    what: str
    said: str
    count: int
    bad: bool
    names: tuple[str, ...] = ()

    def as_dict(self, *, private: bool = False) -> dict[str, object]:
        """Return plain data; names of files are for the owner alone."""
        out: dict[str, object] = {"what": self.what, "said": self.said, "count": self.count, "bad": self.bad}
        return {**out, "names": list(self.names)} if private else out


@dataclass(frozen=True)
class Findings:
    """All that was seen.

    Args:
        rows: in the order in which they are told.
        shared: face id -> number of the picture that it shows, equal for faces that share one.
        fewest: people behind one picture, at least.
    """

    rows: tuple[Finding, ...]
    shared: Mapping[str, int]
    fewest: int


def look(
    released: Photos,
    originals: Photos,
    pairing: Pairing,
    made: FaceSet,
    clear: FaceSet,
    shows: str,
    photo_of: Callable[[str], str],
) -> Findings:
    """Look at files, then at pixels.

    Args:
        released, originals: the pictures of both sides.
        pairing: whose the released ones are.
        made, clear: released faces and their originals at the same resolution, in one order.
        shows: whether the release shows photos or faces.
        photo_of: face id -> original's id.
    """
    back = {original: one for one, original in pairing.of.items()}
    hashes = {one: _hash(released, one) for one in pairing.of}
    known = {_hash(originals, one) for one in originals.ids}
    same_bytes = sorted(one for one, digest in hashes.items() if digest and digest in known)
    same_face = [back[photo_of(made.ids[row])] for row in _unchanged(made, clear)]
    same_face = sorted(set(same_face) - set(same_bytes))
    shared, fewest, largest, distinct = _sharing(made, {f: hashes[back[photo_of(f)]] for f in made.ids})
    rows = [
        Finding("paired by", f"{pairing.how}; the release shows {shows}", len(pairing.of), pairing.how != "the map given"),
        _listed("released without an original", pairing.lone),
        _listed("originals that are not released", pairing.missing),
        _listed("cannot be opened", tuple(pairing.unreadable), bad=True),
        _listed("videos, which are not looked at", tuple(released.films), bad=True),
        _listed("unchanged, byte for byte", same_bytes, bad=True),
        _listed("unchanged inside the face", same_face, f" (at most {UNCHANGED:g} of 255 levels on average)", bad=True),
        *_metadata(released),
        *_telling(released, originals, pairing),
        Finding(
            "different pictures",
            f"{distinct} for {counted(len(made), 'face')} of {len(set(made.subjects or ()))} people; one picture stands for at"
            f" least {fewest} of them",
            distinct,
            fewest < 2,
        ),
    ]
    if fewest > 1:
        rows.append(
            Finding("largest share of one person", f"{largest:.2f} of the files that show one picture", 0, largest > 1 / fewest)
        )
    return Findings(tuple(rows), shared, fewest)


def _listed(what: str, names: Sequence[str], more: str = "", *, bad: bool = False) -> Finding:
    """Return how many there are; that there are some speaks against the release where `bad`."""
    return Finding(what, f"{len(names)}{more}" if names else "none", len(names), bad and bool(names), tuple(names))


def _hash(photos: Photos, photo: str) -> str:
    path = photos.folder / photo if photos.folder is not None else None
    if path is not None and path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return hashlib.sha256(np.ascontiguousarray(photos.open(photo)).tobytes()).hexdigest()


def inner_face() -> NDArray[np.bool_]:
    """Return `(256, 256)`: the inside of a face at the template, from brows to mouth."""
    marks = align.template(SIZE)
    centre, reach = marks.mean(axis=0), float(np.abs(marks - marks.mean(axis=0)).max())
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.ellipse(mask, (int(centre[0]), int(centre[1])), (int(1.1 * reach), int(1.3 * reach)), 0, 0, 360, 1, -1)
    return mask.astype(bool)


def _unchanged(made: FaceSet, clear: FaceSet) -> list[int]:
    """Return the rows whose face is the original's."""
    inside, out = inner_face(), []
    for start in range(0, len(made), BATCH):
        rows = np.arange(start, min(start + BATCH, len(made)))
        far = np.abs(np.asarray(made.images[rows]).astype(np.int16) - np.asarray(clear.images[rows]).astype(np.int16))
        out += rows[far[:, inside].mean(axis=(1, 2)) <= UNCHANGED].tolist()
    return out


def _sharing(made: FaceSet, digest_of: Mapping[str, str]) -> tuple[dict[str, int], int, float, int]:
    """Return which picture each face shows, fewest people behind one, the largest share of one person, and how many there are."""
    place = {digest: n for n, digest in enumerate(dict.fromkeys(digest_of.values()))}
    shared = {face: place[digest] for face, digest in digest_of.items()}
    people: dict[int, Counter[str]] = {}
    for face, person in zip(made.ids, made.subjects or (), strict=True):
        people.setdefault(shared[face], Counter())[person] += 1
    fewest = min((len(one) for one in people.values()), default=0)
    largest = max((max(one.values()) / sum(one.values()) for one in people.values()), default=0.0)
    return shared, fewest, largest, len(place)


def _metadata(released: Photos) -> Iterable[Finding]:
    """Yield one row for each kind of metadata in the files."""
    if released.folder is None:
        yield Finding("metadata", "the pictures lie in no files that could be looked into", 0, False)
        return
    kinds: Counter[str] = Counter()
    for photo in released.ids:
        kinds.update(_kinds(released.folder / photo))
    said = ", ".join(f"{kind} in {count}" for kind, count in sorted(kinds.items(), key=lambda one: (-one[1], one[0])))
    yield Finding("metadata", said or "none", max(kinds.values(), default=0), bool(set(kinds) - {"colour profile"}))


def _kinds(path: Path) -> set[str]:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            tags, info = picture.getexif(), picture.info
            found = {KINDS.get(tag, "EXIF") for tag in tags}
            if tags.get_ifd(34853):
                found.add(KINDS[34853])
            found |= {KINDS[tag] for tag in tags.get_ifd(34665) if tag in KINDS}
            if tags.get_ifd(513) or 513 in tags:
                found.add("thumbnail")
    except Exception:  # a broken header holds what it holds; that it cannot be opened is told elsewhere
        return set()
    if "xmp" in info or "XML:com.adobe.xmp" in info:
        found.add("XMP")
    if info.get("comment"):
        found.add("comment")
    if info.get("icc_profile"):
        found.add("colour profile")
    texts = getattr(picture, "text", None) or {}
    return found | ({"text"} if set(texts) - {"XML:com.adobe.xmp"} else set())


def _telling(released: Photos, originals: Photos, pairing: Pairing) -> Iterable[Finding]:
    """Yield what names and times of files say."""
    person_of = dict(zip(originals.ids, originals.subjects or ("",) * len(originals), strict=True))
    named = []
    for one, original in sorted(pairing.of.items()):
        words = set(re.split(r"[^0-9A-Za-z]+", str(PurePosixPath(one).with_suffix(""))))
        tells = {PurePosixPath(original).stem, person_of[original]}
        if any(len(word) >= SHORT and word in words for word in tells) or str(PurePosixPath(one).with_suffix("")) == str(
            PurePosixPath(original).with_suffix("")
        ):
            named.append(one)
    yield _listed("names that tell the original or the person", named, bad=True)
    if released.folder is None or originals.folder is None:
        return
    pairs = [(written(released, one), written(originals, other)) for one, other in sorted(pairing.of.items())]
    equal = sum(int(a) == int(b) for a, b in pairs)
    ours, theirs = (np.array(side) for side in zip(*pairs, strict=True)) if pairs else (np.zeros(0), np.zeros(0))
    ordered = 0.0
    if len(set(ours.tolist())) > 2 and len(set(theirs.tolist())) > 2:
        ordered = float(np.corrcoef(ours.argsort().argsort(), theirs.argsort().argsort())[0, 1])
    said = f"{equal} equal the original's" + (f"; their order follows the originals' ({ordered:.2f})" if ordered > 0.9 else "")
    yield Finding("times of files", said, equal, equal > 0 or ordered > 0.9)


def written(photos: Photos, photo: str) -> float:
    """Return when a picture's file was written, 0 where it lies in none."""
    try:
        return (photos.folder / photo).stat().st_mtime if photos.folder is not None else 0.0
    except OSError:
        return 0.0
