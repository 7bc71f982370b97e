"""Cover every face of a folder of photos, read what was written, look at it again, and only then release it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deidframe.contract.errors import NothingToDo, StoreError, UnreadablePhoto, UsageError
from deidframe.contract.photos import Photos
from deidframe.engine.run_folder import check_not_nested
from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.scenes.covers import Cover, Face, union_of
from deidframe.engine.scenes.look import Looker, Sighted, look
from deidframe.engine.scenes.regions import GROW, Region
from deidframe.guard.hygiene import TIME, bare_jpeg, decode_jpeg, encode_jpeg
from deidframe.guard.scene import SceneCertificate, SceneCount, certify_scenes, scene_statement
from deidframe.record.release import COMPARED, PROMISED, publish
from deidframe.record.write import write_bytes

REPAIRS = 2
"""How often a released picture in which a face shows is covered further before it is withheld."""
NO_FACE = "no face was seen in it"
STILL_A_FACE = "a face still shows after repairs"
HANDED_BACK = "the cover left a face as it was"
NOT_BLIND = "what was drawn depends on what was erased"
UNCHANGED = 2.0
"""Mean difference of grey levels below which an inner face is what it was; JPEG alone makes about one."""
FLAT = 3.0
"""Standard deviation of the fine part of an inner face that has nothing to change, such as one that was seen in a wall."""
INNER, HALF, FEATURES = 0.7, 0.5, 3
"""A face of whose inner part (its box's oval, so many times as large) less than half is covered is a leak, unless three of its
landmarks are."""
JOURNAL = "photos.jsonl"
FACES = "faces.csv"
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Wanted:
    """How photos are covered.

    Args:
        cover: of regions.
        named: its name.
        blind: it never reads what it covers, which is checked.
        allow_faceless: photos in which nobody is seen are released as they are.
        told: the cover with its parameters, by which a run that goes on is known.
        exempt: photo ids in which people are left as they are, with the owner's reason.
    """

    cover: Cover
    named: str
    blind: bool
    allow_faceless: bool = False
    exempt: tuple[tuple[str, str], ...] = ()
    told: str = ""

    def signature(self, names: Sequence[str], lookers: Sequence[Looker], *more: object) -> str:
        """Return a text that changes when the outcome would, for files that stay what they are."""
        facts = [self.named, self.told, self.blind, self.allow_faceless, self.exempt, [one.told for one in lookers], names, more]
        return hashlib.sha256(json.dumps(facts).encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True)
class Covered:
    """What became of one photo.

    Args:
        data: the file that is to be released.
        sighted: all faces.
        repaired: how many of them were seen only in the covered picture.
        checked: faces of which it was checked that the cover did its work.
        looked_again: whether the file was looked at as it is written.
    """

    data: bytes
    sighted: Sighted
    repaired: int = 0
    checked: int = 0
    looked_again: bool = False


class Withheld(Exception):
    """A photo is not released; the text says why."""


@dataclass(frozen=True)
class Outcome:
    """Where the published files lie and what can be said of them."""

    folder: Path
    certificate: SceneCertificate


def cover_photo(picture: Pixels, lookers: Sequence[Looker], wanted: Wanted) -> Covered:
    """Cover every face of a photo, write it, read it and look at it again.

    Raises:
        Withheld: nobody is seen, a face shows in the end, or the cover did not do its work.
    """
    sighted = look(picture, lookers)
    if not len(sighted) and not wanted.allow_faceless:
        raise Withheld(NO_FACE)
    repaired = 0
    for attempt in range(REPAIRS + 1):
        faces = faces_of(sighted)
        covered = picture.copy()
        wanted.cover(covered, faces)
        checked = check_cover(picture, covered, faces, wanted)
        data = encode_jpeg(covered)
        shown = leaks(decode_jpeg(data), lookers, [face.region for face in faces])
        if not len(shown):
            return Covered(data, sighted, repaired, checked, looked_again=True)
        if attempt < REPAIRS:
            repaired += len(shown)
            sighted = sighted.with_more(shown)
    raise Withheld(STILL_A_FACE)


def faces_of(sighted: Sighted) -> list[Face]:
    """Return what is to be covered of each sighting."""
    each = zip(sighted.boxes, sighted.landmarks, strict=True)
    return [Face(Region.of(box, marks), marks) for box, marks in each]


def leaks(released: Pixels, lookers: Sequence[Looker], regions: Sequence[Region]) -> Sighted:
    """Return the faces that detectors still see in a released picture, outside of what was drawn.

    Where a detector is sure, half of a face has to be covered; where it only guesses, a quarter that was drawn explains it.
    """
    sure, guessed = (look(released, lookers, turns=False, eager=eager) for eager in (False, True))
    found = (outside(sure, regions, released.shape, HALF), outside(guessed, regions, released.shape, HALF / 2))
    return Sighted.joined(found)


def outside(sighted: Sighted, regions: Sequence[Region], shape: tuple[int, ...], least: float) -> Sighted:
    """Return the faces that regions do not hold: neither so much of the inner part nor three of five landmarks.

    What a detector sees where something was drawn is the drawing: a fill can look like a face, and a surrogate has to.
    """
    union = union_of(shape, regions)
    rows = []
    for row, (box, marks) in enumerate(zip(sighted.boxes, sighted.landmarks, strict=True)):
        inner = Region.of(box, marks, INNER)
        window = inner.window(shape)
        if window is None or float(union[window][inner.mask(window)].mean()) >= least:
            continue
        x, y = np.rint(marks).astype(np.int64).T
        there = (x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])
        if int(union[y[there], x[there]].sum()) < FEATURES:
            rows.append(row)
    return sighted.take(rows)


def check_cover(before: Pixels, after: Pixels, faces: Sequence[Face], wanted: Wanted) -> int:
    """Refuse a picture in which the cover did not do its work, and return the number of faces of which that was checked.

    Of a blind cover it is that what stands in a region follows from outside alone, which hands nothing back; of another one, that
    the inner part of no face is what it was.

    Raises:
        Withheld: it did not.
    """
    if wanted.blind:
        check_blind(before, after, faces, wanted.cover)
    else:
        check_changed(before, after, faces)
    return len(faces)


def check_changed(before: Pixels, after: Pixels, faces: Sequence[Face]) -> None:
    """Refuse a picture in which the inner part of a covered face is what it was.

    Raises:
        Withheld: it is.
    """
    for face in faces:
        inner = face.region.grown(INNER / GROW)
        window = inner.window(before.shape)
        if window is None:
            continue
        mask = inner.mask(window)
        was, now = (one[window].astype(np.float32) for one in (before, after))
        fine = (was - cv2.GaussianBlur(was, (0, 0), max(1.0, inner.across / 5)))[mask]
        if len(fine) and float(fine.std()) > FLAT and float(np.abs(was - now)[mask].mean()) < UNCHANGED:
            raise Withheld(HANDED_BACK)


def check_blind(before: Pixels, covered: Pixels, faces: Sequence[Face], cover: Cover) -> None:
    """Overwrite every region by noise, cover again, and refuse where the outcome is another.

    Raises:
        Withheld: it is.
    """
    noisy = before.copy()
    rng = np.random.default_rng(20260106)
    for face in faces:
        window = face.region.window(before.shape)
        if window is not None:
            mask = face.region.mask(window)
            noisy[window][mask] = rng.integers(0, 256, (int(mask.sum()), 3), np.uint8)
    cover(noisy, faces)
    if not np.array_equal(noisy, covered):
        raise Withheld(NOT_BLIND)


def released_name(file: str, taken: set[str], ending: str = ".jpg") -> str:
    """Return the path under which a file is released: its own with another ending, after the old one where two would meet."""
    file = file.encode("utf-8", "backslashreplace").decode()  # names of files need not be text
    plain = str(PurePosixPath(file).with_suffix(ending))
    name = plain if plain not in taken else f"{file}{ending}"
    number = 2
    while name in taken:
        name = f"{file}.{number}{ending}"
        number += 1
    taken.add(name)
    return name


def cover_photos(photos: Photos, lookers: Sequence[Looker], wanted: Wanted, folder: Path, reporter: Reporter) -> Outcome:
    """Cover a database of photos into a new folder, photo by photo; a run that was cut short goes on where it was.

    `folder/release` (`folder/compared` of a cover that promises nothing) holds the photos under their own paths, a manifest,
    `RELEASE.json` and `README.txt`; `folder/private` says what was withheld and where every face was.

    Raises:
        UsageError: the folder exists and is of another run. NothingToDo: no photo could be released. StoreError: full disk.
    """
    check_not_nested(photos.folder, folder)
    private, staged = folder / "private", folder / "private" / "staged"
    begun(folder, wanted.signature(photos.ids, lookers))
    done = _journal(private / JOURNAL)
    exempt = dict(wanted.exempt)
    strangers = sorted(set(exempt) - set(photos.ids))
    if strangers:
        raise UsageError(f"--exempt {strangers[0]!r}: no such photo")
    withheld: dict[str, str] = dict(photos.skipped)
    rows: list[dict[str, Any]] = []
    files: dict[str, str] = {}
    taken: set[str] = set()
    with (private / JOURNAL).open("a", encoding="utf-8") as journal, reporter.task("cover photos", len(photos)) as advance:
        for photo in photos.ids:
            name = released_name(photo, taken)
            row, of = done.get(photo), photos.fingerprint(photo) if photos.fingerprint else ""
            if row is None or not of or row["of"] != of or not _whole(staged / name, row):
                row = {**_one(photos, photo, name, lookers, wanted, staged, exempt.get(photo)), "of": of}
                journal.write(json.dumps(row) + "\n")
                journal.flush()
            if row["withheld"]:
                withheld[photo] = row["withheld"]
            else:
                rows.append(row)
                files[name] = row["sha256"]
            advance(1)
    _write_lists(private, withheld, rows)
    if not rows:
        reasons = "; ".join(f"{count} {why}" for why, count in Counter(withheld.values()).most_common())
        raise NothingToDo(f"no photo could be released: {reasons}")
    certificate = certify_scenes(
        _count(rows, withheld, len(photos) + len(photos.skipped), blind=wanted.blind),
        wanted.named,
        tuple(one.name for one in lookers),
        tuple(dict.fromkeys(exempt.values())),
    )
    return published(folder, files, certificate, wanted)


def published(folder: Path, files: Mapping[str, str], certificate: SceneCertificate, wanted: Wanted) -> Outcome:
    """Publish the staged files of a run: under `release` where something is promised of them, else under `compared`."""
    said = scene_statement(certificate)
    target = folder / (PROMISED if said.promised else COMPARED)
    facts = {"kind": "scenes", "method": wanted.named}
    publish(folder / "private" / "staged", target, files, certificate.as_dict(), facts, said.as_dict(), said.text(wanted.named))
    return Outcome(target, certificate)


def begun(folder: Path, signed: str) -> None:
    """Make the folder of a run, or take that of the same run which was cut short.

    Raises:
        UsageError: it is of another run, or finished. StoreError: it cannot be made.
    """
    private = folder / "private"
    mark = private / "signature"
    if folder.exists():
        if any((folder / kind).exists() for kind in (PROMISED, COMPARED)):
            raise UsageError(f"{str(folder)!r} is finished; give another folder, or remove it")
        if not mark.exists() or mark.read_text("utf-8") != signed:
            raise UsageError(f"{str(folder)!r} exists and is not this run cut short; give another folder")
    try:
        (private / "staged").mkdir(parents=True, exist_ok=True)
        private.chmod(0o700)
        write_bytes(mark, signed.encode(), private=True)
    except OSError as error:
        raise StoreError(f"cannot write into {str(folder)!r}: {error.strerror}") from error


def _journal(journal: Path) -> dict[str, dict[str, Any]]:
    """Return what an earlier run did."""
    out: dict[str, dict[str, Any]] = {}
    for line in journal.read_text("utf-8").splitlines() if journal.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:  # cut off in the middle of a line
            continue
        out[row["photo"]] = row
    return out


def _whole(path: Path, row: dict[str, Any]) -> bool:
    if row["withheld"]:
        return True
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]


def _one(
    photos: Photos, photo: str, name: str, lookers: Sequence[Looker], wanted: Wanted, staged: Path, exempt: str | None
) -> dict[str, Any]:
    """Cover one photo into its staged file and return its row of the journal."""
    row: dict[str, Any] = {"photo": photo, "name": name, "withheld": "", "faces": [], "repaired": 0, "exempt": exempt or ""}
    try:
        picture = photos.open(photo)
        if exempt is not None:
            done = Covered(encode_jpeg(picture), look(picture, lookers))
        else:
            done = cover_photo(picture, lookers, wanted)
    except (Withheld, UnreadablePhoto) as error:
        return {**row, "withheld": str(error)}
    target = staged / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(done.data)
        os.utime(target, (TIME, TIME))
        written = target.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot write {str(target)!r}: {error.strerror}") from error
    if written != done.data or not bare_jpeg(written):
        return {**row, "withheld": "the written file is not what was meant"}
    faces = [
        {"box": [round(float(v), 1) for v in box], "score": round(float(score), 3), "by": by}
        for box, score, by in zip(done.sighted.boxes, done.sighted.scores, done.sighted.by, strict=True)
    ]
    gates = {"repaired": done.repaired, "checked": done.checked, "looked_again": done.looked_again, "bare": True}
    return {**row, **gates, "faces": faces, "sha256": hashlib.sha256(written).hexdigest()}


def _count(rows: Sequence[dict[str, Any]], withheld: dict[str, str], came: int, *, blind: bool) -> SceneCount:
    covered = sum(len(row["faces"]) for row in rows if not row["exempt"])
    exempt = sum(len(row["faces"]) for row in rows if row["exempt"])
    return SceneCount(
        came=came,
        released=len(rows),
        withheld=dict(Counter(withheld.values())),
        sighted=covered + exempt,
        covered=covered,
        exempt=exempt,
        repaired=sum(row["repaired"] for row in rows),
        faceless=sum(not row["faces"] for row in rows),
        looked_again=sum(row["looked_again"] for row in rows),
        left=sum(bool(row["exempt"]) for row in rows),
        blind=blind,
        checked=sum(row["checked"] for row in rows),
        bare=sum(row["bare"] for row in rows),
    )


def write_withheld(private: Path, withheld: dict[str, str]) -> None:
    """Write `withheld.csv`: file and reason."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(["file", "reason"])
    lines.writerows(sorted(withheld.items()))
    write_bytes(private / "withheld.csv", out.getvalue().encode("utf-8", "surrogateescape"), private=True)


def _write_lists(private: Path, withheld: dict[str, str], rows: Sequence[dict[str, Any]]) -> None:
    """Write what was withheld and where faces are, for the owner's eyes."""
    write_withheld(private, withheld)
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(["photo", "released", "face", "x0", "y0", "x1", "y1", "score", "seen_by", "done"])
    for row in rows:
        for number, face in enumerate(row["faces"]):
            did = "left as it is" if row["exempt"] else "covered"
            lines.writerow([row["photo"], row["name"], number, *face["box"], face["score"], face["by"], did])
    write_bytes(private / FACES, out.getvalue().encode("utf-8", "surrogateescape"), private=True)
