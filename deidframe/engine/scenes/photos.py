"""Cover every face of a folder of photos, read what was written, look at it again, and only then release it."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.errors import NothingToDo, StoreError, UnreadablePhoto, UsageError
from deidframe.contract.photos import Photos
from deidframe.engine.run_folder import check_not_nested
from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.scenes.checks import (
    NO_FACE,
    REPAIRS,
    STILL_A_FACE,
    Wanted,
    Withheld,
    check_cover,
    faces_of,
    found_again,
    leaks,
)
from deidframe.engine.scenes.covers import Face
from deidframe.engine.scenes.folder import Outcome, begun, published, released_name, write_withheld
from deidframe.engine.scenes.look import Looker, Sighted, look
from deidframe.engine.scenes.posed import Posed
from deidframe.engine.scenes.review import doubts_of_photos, write_review
from deidframe.guard.hygiene import TIME, bare_jpeg, decode_jpeg, encode_jpeg
from deidframe.guard.scene import SceneCount, certify_scenes
from deidframe.record.write import write_bytes

JOURNAL = "photos.jsonl"
FACES = "faces.csv"
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Covered:
    """What became of one photo.

    Args:
        data: the file that is to be released.
        sighted: all faces.
        faces: what was drawn over each, in their order.
        repaired: how many of them were seen only in the covered picture.
        checked: faces of which it was checked that the cover did its work.
        looked_again: whether the file was looked at as it is written.
        shown: the faces that detectors are sure to see in it now: those that were drawn.
    """

    data: bytes
    sighted: Sighted
    faces: tuple[Face, ...] = ()
    repaired: int = 0
    checked: int = 0
    looked_again: bool = False
    shown: Sighted = field(default_factory=Sighted.none)


def cover_photo(picture: Pixels, lookers: Sequence[Looker], wanted: Wanted, photo: str = "") -> Covered:
    """Cover every face of a photo, write it, read it and look at it again.

    Args:
        picture: the photo.
        photo: its id, where what is drawn was planned.

    Raises:
        Withheld: nobody is seen, a face shows in the end, or the cover did not do its work.
    """
    if wanted.planned is not None:
        sighted, faces = wanted.planned(photo)
    else:
        sighted = look(picture, lookers)
        faces = faces_of(sighted)
    if not len(sighted) and not wanted.allow_faceless:
        raise Withheld(NO_FACE)
    repaired = 0
    for attempt in range(REPAIRS + 1):
        covered = picture.copy()
        wanted.cover(covered, faces)
        checked = check_cover(picture, covered, faces, wanted)
        data = encode_jpeg(covered)
        left, shown = leaks(decode_jpeg(data), lookers, [face.region for face in faces])
        if not len(left):
            return Covered(data, sighted, tuple(faces), repaired, checked, looked_again=True, shown=shown)
        if attempt < REPAIRS:
            repaired += len(left)
            sighted, faces = sighted.with_more(left), [*faces, *faces_of(left)]
    raise Withheld(STILL_A_FACE)


@dataclass(frozen=True)
class Drawn:
    """Photos that were covered and lie staged.

    Args:
        rows: of the journal, one for each photo that may be released.
        withheld: photo or file -> reason.
        files: released name -> sha256.
        came: photos and other files that came in.
    """

    rows: tuple[dict[str, Any], ...]
    withheld: dict[str, str]
    files: dict[str, str]
    came: int

    @property
    def drawn(self) -> list[str]:
        """The views over which a surrogate is drawn."""
        return [f"{row['photo']}#{n}" for row in self.rows for n, face in enumerate(row["faces"], 1) if face["drawn"]]

    def count(self, *, blind: bool) -> SceneCount:
        """Return what was counted."""
        rows = self.rows
        covered = sum(len(row["faces"]) for row in rows if not row["exempt"])
        exempt = sum(len(row["faces"]) for row in rows if row["exempt"])
        return SceneCount(
            came=self.came,
            released=len(rows),
            withheld=dict(Counter(self.withheld.values())),
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
            drawn=sum(bool(face["drawn"]) for row in rows for face in row["faces"]),
            found_again=sum(face["again"] is not None for row in rows for face in row["faces"] if face["drawn"]),
        )


def cover_photos(photos: Photos, lookers: Sequence[Looker], wanted: Wanted, folder: Path, reporter: Reporter) -> Outcome:
    """Cover a database of photos into a new folder, photo by photo; a run that was cut short goes on where it was.

    `folder/release` (`folder/compared` of a cover that promises nothing) holds the photos under their own paths, a manifest,
    `RELEASE.json` and `README.txt`; `folder/private` says what was withheld and where every face was.

    Raises:
        UsageError: the folder exists and is of another run. NothingToDo: no photo could be released. StoreError: full disk.
    """
    check_not_nested(photos.folder, folder)
    if not len(photos):
        raise NothingToDo("there is no photo")
    begun(folder, wanted.signature(photos.ids, lookers))
    done = draw_photos(photos, lookers, wanted, folder / "private", set(), reporter)
    write_withheld(folder / "private", done.withheld)
    if not done.rows:
        raise NothingToDo(f"no photo could be released: {in_words(done.withheld)}")
    certificate = certify_scenes(
        done.count(blind=wanted.blind),
        wanted.named,
        tuple(one.name for one in lookers),
        tuple(dict(wanted.exempt).values()),
    )
    outcome = published(folder, done.files, certificate, wanted)
    names = {row["photo"]: outcome.folder / row["name"] for row in done.rows}
    write_review(folder / "private", list(doubts_of_photos(folder / "private" / FACES)), photos.open, names)
    return outcome


def draw_photos(
    photos: Photos, lookers: Sequence[Looker], wanted: Wanted, private: Path, taken: set[str], reporter: Reporter
) -> Drawn:
    """Cover photos into `private/staged`, with a journal beside it by which a run that was cut short goes on.

    Args:
        taken: released names that are in use; those of the photos are added.

    Raises:
        UsageError: an exempt photo is not there. StoreError: full disk.
    """
    staged = private / "staged"
    staged.mkdir(parents=True, exist_ok=True)
    done = _journal(private / JOURNAL)
    exempt = dict(wanted.exempt)
    strangers = sorted(set(exempt) - set(photos.ids))
    if strangers:
        raise UsageError(f"--exempt {strangers[0]!r}: no such photo")
    withheld: dict[str, str] = dict(photos.skipped)
    rows: list[dict[str, Any]] = []
    files: dict[str, str] = {}
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
    _write_faces(private, rows)
    return Drawn(tuple(rows), withheld, files, len(photos) + len(photos.skipped))


def in_words(withheld: dict[str, str]) -> str:
    """Say why files were withheld, and how many for each reason."""
    return "; ".join(f"{count} {why}" for why, count in Counter(withheld.values()).most_common())


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
            done = cover_photo(picture, lookers, wanted, photo)
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
    again = found_again(done.faces, done.shown)
    faces = [
        {
            "box": [round(float(v), 1) for v in box],
            "score": round(float(score), 3),
            "by": by,
            "drawn": isinstance(face, Posed),
            "again": None if marks is None else marks.round(2).tolist(),
        }
        for box, score, by, face, marks in itertools.zip_longest(
            done.sighted.boxes, done.sighted.scores, done.sighted.by, done.faces, again
        )
    ]
    gates = {"repaired": done.repaired, "checked": done.checked, "looked_again": done.looked_again, "bare": True}
    return {**row, **gates, "faces": faces, "sha256": hashlib.sha256(written).hexdigest()}


def _write_faces(private: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write where faces are, for the owner's eyes."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(["photo", "released", "face", "x0", "y0", "x1", "y1", "score", "seen_by", "done"])
    for row in rows:
        for number, face in enumerate(row["faces"]):
            did = "left as it is" if row["exempt"] else "drawn over" if face["drawn"] else "covered"
            lines.writerow([row["photo"], row["name"], number, *face["box"], face["score"], face["by"], did])
    write_bytes(private / FACES, out.getvalue().encode("utf-8", "surrogateescape"), private=True)
