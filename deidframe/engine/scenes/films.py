"""A folder of videos, one after another: each is released whole or withheld with its reason, and a cut run goes on."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from deidframe.contract.errors import NothingToDo, UnreadablePhoto, UsageError
from deidframe.engine.run_folder import check_not_nested
from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.scenes.checks import Wanted, Withheld
from deidframe.engine.scenes.folder import Outcome, begun, published, released_name, write_withheld
from deidframe.engine.scenes.look import Box, Looker
from deidframe.engine.scenes.review import doubts_of_tracks, write_review
from deidframe.engine.scenes.video import TRACKS, cover_video
from deidframe.engine.scenes.video_files import SUFFIXES, pyav
from deidframe.guard.hygiene import TIME
from deidframe.guard.scene import FilmCount, certify_films
from deidframe.record.write import write_json

NO_VIDEO = "not a video"
TWICE = "the same file as another one"
JOURNAL = "videos"


def videos_in(source: Path) -> tuple[list[str], dict[str, str]]:
    """Return the videos of a folder, or of one file, as paths from there; and what is none, with the reason.

    Raises:
        UsageError: there is no such file or folder.
    """
    if source.is_file():
        return [source.name], {}
    if not source.is_dir():
        raise UsageError(f"{str(source)!r} is neither a video nor a folder")
    found, skipped = [], {}
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        if path.is_symlink():
            skipped[name] = "a link"
        elif path.is_file():
            if path.suffix.lower() in SUFFIXES:
                found.append(name)
            else:
                skipped[name] = NO_VIDEO
    return found, skipped


def cover_videos(
    source: Path,
    folder: Path,
    lookers: Sequence[Looker],
    wanted: Wanted,
    reporter: Reporter,
    *,
    sound: bool = True,
    roi: Sequence[Box] = (),
    roi_reason: str = "",
) -> Outcome:
    """Cover the videos of a folder, or one, into a new folder; a run that was cut short goes on where it was.

    Args:
        source: a video, or a folder.
        folder: new, or of the same run cut short.
        lookers, wanted: as for photos; videos that are exempt are left as they are.
        sound: is kept.
        roi: parts of frames in which faces are looked for, all of them where none is given; roi_reason: why not elsewhere.

    Raises:
        UsageError: the folder exists and is of another run. NothingToDo: no video can be released. PluginError: no PyAV.
    """
    pyav()
    home = source.parent if source.is_file() else source
    check_not_nested(home if source.is_dir() else None, folder)
    names, skipped = videos_in(source)
    if not names:
        raise NothingToDo(f"no video in {str(source)!r}")
    lookers = [one.within(roi) for one in lookers]
    exempt = dict(wanted.exempt)
    strangers = sorted(set(exempt) - set(names))
    if strangers:
        raise UsageError(f"--exempt {strangers[0]!r}: no such video")
    begun(folder, wanted.signature(names, lookers, sound, roi_reason))
    private, staged = folder / "private", folder / "private" / "staged"
    rows: dict[str, dict[str, Any]] = {}
    withheld, known, taken = dict(skipped), dict[str, str](), set[str]()
    for name in names:
        with (home / name).open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        # what was seen of a file says nothing of another that lies there now
        work = private / JOURNAL / hashlib.sha256(f"{digest}|{name}".encode("utf-8", "surrogateescape")).hexdigest()[:20]
        work.mkdir(parents=True, exist_ok=True)
        if digest in known:
            withheld[name] = TWICE
            continue
        known[digest] = name
        target = released_name(name, taken, ".mp4")
        row = _done(work, staged, digest)
        if row is None:
            looks = [] if name in exempt else lookers
            row = _one(home / name, name, staged / target, work, digest, looks, wanted, reporter, sound=sound)
            row["exempt"] = exempt.get(name, "")
            write_json(work / "done.json", row, private=True)
        if row["withheld"]:
            withheld[name] = row["withheld"]
        else:
            rows[name] = row
    write_withheld(private, withheld)
    if not rows:
        reasons = "; ".join(f"{count} {why}" for why, count in Counter(withheld.values()).most_common())
        raise NothingToDo(f"no video could be released: {reasons}")
    certificate = certify_films(
        count_films(list(rows.values()), withheld, len(names) + len(skipped), blind=wanted.blind, roi=roi_reason),
        wanted.named,
        tuple(one.name for one in lookers),
        reasons=tuple(dict(wanted.exempt).values()),
    )
    done = published(folder, {row["name"]: row["sha256"] for row in rows.values()}, certificate, wanted)
    for work in (private / JOURNAL).iterdir():  # segments are in the release now; what was seen stays
        for segment in work.glob("segment-*"):
            segment.unlink()
    doubts = [one for listed in sorted((private / JOURNAL).glob(f"*/{TRACKS}")) for one in doubts_of_tracks(listed)]
    write_review(private, doubts, lambda name: home / name, {name: done.folder / row["name"] for name, row in rows.items()})
    return done


def _done(work: Path, staged: Path, digest: str) -> dict[str, Any] | None:
    """Return what an earlier run made of a video that is still the same."""
    note = work / "done.json"
    row: dict[str, Any] = json.loads(note.read_text("utf-8")) if note.exists() else {}
    if row.get("of") != digest:
        return None
    if row["withheld"]:
        return row
    path = staged / row["name"]
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        return row if hashlib.file_digest(stream, "sha256").hexdigest() == row["sha256"] else None


def _one(
    path: Path,
    name: str,
    target: Path,
    work: Path,
    digest: str,
    lookers: Sequence[Looker],
    wanted: Wanted,
    reporter: Reporter,
    *,
    sound: bool,
) -> dict[str, Any]:
    staged = work.parent.parent / "staged"
    row: dict[str, Any] = {"of": digest, "name": target.relative_to(staged).as_posix(), "withheld": ""}
    target.parent.mkdir(parents=True, exist_ok=True)
    reporter.say(path.name)
    try:
        left = not lookers  # nobody looks at a video whose people are left as they are
        asked = replace(wanted, allow_faceless=True) if left else wanted
        count = cover_video(path, target, work, lookers, asked, reporter, sound=sound, named=name)
        count = replace(count, looked_again=0) if left else count
    except (Withheld, UnreadablePhoto) as error:
        target.unlink(missing_ok=True)
        return {**row, "withheld": str(error)}
    os.utime(target, (TIME, TIME))
    with target.open("rb") as stream:
        return {**row, "sha256": hashlib.file_digest(stream, "sha256").hexdigest(), "count": asdict(count)}


def count_films(rows: Sequence[dict[str, Any]], withheld: dict[str, str], came: int, *, blind: bool, roi: str = "") -> FilmCount:
    """Return what was counted of all videos; `roi` says why faces were not looked for everywhere."""

    def total(name: str) -> int:
        return sum(int(row["count"][name] or 0) for row in rows)

    return FilmCount(
        came=came,
        released=len(rows),
        withheld=dict(Counter(withheld.values())),
        frames=total("frames"),
        seen=total("sighted"),
        filled=total("filled"),
        extended=total("extended"),
        repaired=total("repaired"),
        damaged=total("damaged"),
        faceless=total("faceless"),
        blind=blind,
        checked=total("checked"),
        looked_again=total("looked_again"),
        sound=total("sound"),
        drawn=total("drawn"),
        left=sum(bool(row.get("exempt")) for row in rows),
        left_frames=sum(int(row["count"]["frames"]) for row in rows if row.get("exempt")),
        roi=roi,
        left_out=tuple(dict.fromkeys(one for row in rows for one in row["count"]["left_out"])),
    )
