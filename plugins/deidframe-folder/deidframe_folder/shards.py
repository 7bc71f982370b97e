"""WebDataset: tar shards whose files of one name and several endings are one record, read where they lie."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import NothingToDo, Photos, UnreadablePhoto, UsageError
from deidframe_folder.pictures import EXTENSIONS, decode_picture
from deidframe_folder.trees import LEADS_OUT, Tree, leads_out, tree_of

BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")
BLOCK = 1 << 20
"""Bytes that are read at a time while a shard is listed."""
LARGEST_NOTE = 1 << 20
"""Bytes of a JSON or text beside a picture."""


@dataclass(frozen=True)
class Place:
    """Where a file lies in a shard: name of the shard, first byte, number of bytes."""

    shard: str
    start: int
    size: int


@dataclass(frozen=True)
class ShardOpener:
    """Opens a picture of a shard by reading its bytes alone."""

    tree: Tree
    places: dict[str, Place]
    max_megapixels: float

    def __call__(self, name: str) -> NDArray[np.uint8]:
        """Return the pixels of one picture."""
        return decode_picture(self.read(name), self.max_megapixels)

    def read(self, name: str) -> bytes:
        """Return the bytes of one picture.

        Raises:
            UnreadablePhoto: the shard is gone, or has been cut short since.
        """
        place = self.places[name]
        data = self.tree.read(place.shard, place.start, place.size)
        if len(data) < place.size:
            raise UnreadablePhoto("its shard is cut short")
        return data

    def fingerprint(self, name: str) -> str:
        """Return the sha256 of the picture's bytes."""
        try:
            return hashlib.sha256(self.read(name)).hexdigest()
        except UnreadablePhoto:
            return ""


def expanded(path: str) -> list[str]:
    """Return the paths that a pattern such as `faces-{000..009}.tar` stands for."""
    found = BRACES.search(path)
    if found is None:
        return [path]
    first, last, width = int(found[1]), int(found[2]), len(found[1])
    return [f"{path[: found.start()]}{n:0{width}d}{path[found.end() :]}" for n in range(first, last + 1)]


def load(path: str, person: str | None, max_megapixels: float) -> Photos:
    """Return the pictures of tar shards.

    Args:
        path: a folder of shards, a URL of one, or a pattern with braces.
        person: key of the JSON beside a picture that names its person, or the ending of a text beside it; None for nobody.

    Raises:
        UsageError: a shard of the pattern is missing, or is compressed. NothingToDo: there is no picture.
    """
    folder, wanted = _wanted(path)
    tree = tree_of(folder)
    names, skipped = tree.names()
    shards = [name for name in names if name.endswith(".tar")] if wanted is None else wanted
    missing = [name for name in shards if name not in set(names)]
    if missing:
        raise UsageError(f"source webdataset: {missing[0]} is missing ({len(missing)} of {len(shards)} shards are)")
    packed = [name for name in names if name.endswith((".tar.gz", ".tgz", ".tar.zst", ".tar.bz2", ".tar.xz"))]
    if packed and not shards:
        raise UsageError(f"source webdataset: {packed[0]} is compressed, and cannot be read in parts; unpack it")
    places: dict[str, Place] = {}
    people: dict[str, str | None] = {}
    columns: dict[str, dict[str, str]] = {}
    for shard in shards:
        for key, files in _records(tree, shard, skipped):
            pictures = [(ending, place) for ending, place in files.items() if f".{ending.rpartition('.')[2]}" in EXTENSIONS]
            name = f"{shard}/{key}"
            if not pictures:
                skipped[name] = "a record without a picture"
                continue
            notes = _notes(tree, files, name, skipped)
            places[name] = pictures[0][1]
            people[name] = notes.pop(person, None) if person else None
            if notes:
                columns[name] = notes
    if not places:
        raise NothingToDo(f"source webdataset: no picture in {len(shards)} shards")
    unnamed = [name for name in places if person and not people[name]]
    for name in unnamed:
        skipped[name] = f'nothing beside it names its person ("{person}")'
        del places[name]
    if not places:
        raise UsageError(f'source webdataset: no record has "{person}" in its JSON, or a text of that ending')
    ids = tuple(sorted(places))
    opener = ShardOpener(tree, places, max_megapixels)
    subjects = tuple(str(people[name]) for name in ids) if person else None
    return Photos(ids, opener, subjects, opener.fingerprint, skipped, tree.folder, columns=columns)


def _wanted(path: str) -> tuple[str, list[str] | None]:
    """Return the folder of a path, and the shards in it that are asked for; None for all."""
    paths = expanded(path)
    if len(paths) == 1 and not path.endswith(".tar"):
        return path, None
    folder = path.rpartition("/")[0] or "."
    return folder, [one.rpartition("/")[2] for one in paths]


def _records(tree: Tree, shard: str, skipped: dict[str, str]) -> Iterator[tuple[str, dict[str, Place]]]:
    """Yield the records of a shard in its order: key, and where each of its files lies, by ending."""
    entries = _entries(tree, shard, skipped)
    seen: set[str] = set()
    for key, group in itertools.groupby(entries, key=lambda one: one[0]):
        files = {ending: place for _, ending, place in group}
        if key in seen:
            skipped[f"{shard}/{key} (again)"] = "a second record of this name in the shard"
            continue
        seen.add(key)
        yield key, files


def _entries(tree: Tree, shard: str, skipped: dict[str, str]) -> Iterator[tuple[str, str, Place]]:
    try:
        stream = _Seekable(tree, shard)
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in archive:
                if leads_out(member.name):
                    skipped[f"{shard}/{member.name}"] = LEADS_OUT
                elif member.isfile():
                    base = PurePosixPath(member.name)
                    stem, dot, ending = base.name.partition(".")
                    if stem and dot:
                        key = (base.parent / stem).as_posix()
                        yield key, ending.lower(), Place(shard, member.offset_data, member.size)
                elif not member.isdir():
                    skipped[f"{shard}/{member.name}"] = "a link or a device, not followed"
            stream.seek(archive.offset)  # tarfile ends without a word at what is no header; a whole shard ends with zeros
            if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                skipped[shard] = "is cut short or broken from there on (it has no end)"
    except (tarfile.TarError, EOFError, OSError, UnreadablePhoto) as error:
        skipped[shard] = f"is cut short or broken from there on ({type(error).__name__})"


class _Seekable(io.RawIOBase):
    """A shard as a file that is read in blocks where it lies, so that listing it does not fetch its pictures."""

    def __init__(self, tree: Tree, name: str) -> None:
        self._tree, self._name, self._at = tree, name, 0
        self._block, self._start = b"", 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == 2:  # the end is where nothing can be read any more; tarfile asks for it only of broken files
            raise OSError("the end of a shard is not known")
        self._at = offset if whence == 0 else self._at + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        if size is None or size < 0:
            raise OSError("shards are read in parts")
        inside = self._at - self._start
        if not 0 <= inside <= len(self._block) - size:
            self._block = self._tree.read(self._name, self._at, max(size, _near(size)))
            self._start, inside = self._at, 0
        data = self._block[inside : inside + size]
        self._at += len(data)
        return data


def _near(size: int) -> int:
    """Return how much is read at once: headers of 512 bytes lie between pictures, so little more than they need."""
    return 4096 if size <= 512 else min(size, BLOCK)


def _notes(tree: Tree, files: dict[str, Place], name: str, skipped: dict[str, str]) -> dict[str, str]:
    """Return what the JSON and the texts of a record say."""
    notes: dict[str, str] = {}
    for ending, place in files.items():
        if ending not in ("json", "cls", "txt") or place.size > LARGEST_NOTE:
            continue
        try:
            text = tree.read(place.shard, place.start, place.size).decode("utf-8", "replace")
            if ending != "json":
                notes[ending] = text.strip()
                continue
            held = json.loads(text)
        except (ValueError, UnreadablePhoto):
            skipped[f"{name}.{ending}"] = "cannot be read"
            continue
        if isinstance(held, dict):
            notes |= {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in held.items()}
    return notes
