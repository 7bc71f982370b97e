"""How each database of the field names its files: person, pose, expression and what else a name or a list beside it says."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from deidframe.contract import UsageError
from deidframe_folder.records import NO_PICTURE, Record, is_picture_name, text_of
from deidframe_folder.trees import Tree

OTHER_NAME = "is not called as this database calls its pictures"


@dataclass(frozen=True)
class Found:
    """What a layout made of a tree."""

    records: tuple[Record, ...]
    skipped: dict[str, str]
    notes: tuple[str, ...] = ()


Parse = Callable[[str], Record | None]


def by_name(names: Sequence[str], left: Mapping[str, str], parse: Parse) -> Found:
    """Return what file names alone say."""
    skipped = dict(left)
    records = []
    for name in names:
        if not is_picture_name(name):
            skipped[name] = NO_PICTURE
            continue
        one = parse(name)
        if one is None:
            skipped[name] = OTHER_NAME
        else:
            records.append(one)
    return Found(tuple(records), skipped)


RAFD = re.compile(r"^Rafd(\d{3})_(\d+)_([A-Za-z]+)_([a-z]+)_([a-z]+)_([a-z]+)$")


def rafd(name: str) -> Record | None:
    """Parse `Rafd090_01_Caucasian_female_angry_frontal.jpg` (Langner et al., Radboud Faces Database, 2010)."""
    found = RAFD.match(PurePosixPath(name).stem)
    if found is None:
        return None
    angle, person, kind, sex, expression, gaze = found.groups()
    columns = {"camera": angle, "ethnicity": kind, "sex": sex, "expression": expression, "gaze": gaze}
    return Record(name, person, columns)


FEI = re.compile(r"^(\d+)-(\d{2})$|^(\d+)([ab])$")


def fei(name: str) -> Record | None:
    """Parse `12-03.jpg` (person and pose) or `12a.jpg` (frontal, a without and b with a smile); FEI Face Database, 2005-2006."""
    found = FEI.match(PurePosixPath(name).stem)
    if found is None:
        return None
    if found[1]:
        return Record(name, found[1], {"pose": found[2]})
    return Record(name, found[3], {"expression": "neutral" if found[4] == "a" else "smiling"})


AGEDB = re.compile(r"^(\d+)_([^_]+)_(\d{1,3})_([mf])$")


def agedb(name: str) -> Record | None:
    """Parse `16580_MariaCallas_35_f.jpg` (Moschoglou et al., AgeDB, CVPR workshops, 2017)."""
    found = AGEDB.match(PurePosixPath(name).stem)
    return None if found is None else Record(name, found[2], {"age": found[3], "sex": found[4]})


LFW = re.compile(r"^(.+)_(\d{4})$")


def lfw(tree: Tree, pairs: str | None, people: str | None) -> Found:
    """Read `Name_Surname/Name_Surname_0001.jpg` (Huang et al., Labeled Faces in the Wild, 2007).

    Args:
        pairs: list of pairs; only pictures that occur in it are taken.
        people: list of names; only those are taken, and the fold of each is a column.

    Raises:
        UsageError: a list is missing, is none, or names somebody who is not there.
    """
    names, left = tree.names()

    def parse(name: str) -> Record | None:
        path = PurePosixPath(name)
        found = LFW.match(path.stem)
        return Record(name, found[1], {}) if found is not None and path.parent.name == found[1] else None

    whole = by_name(names, left, parse)
    there = {PurePosixPath(one.name).stem: one for one in whole.records}
    persons = {one.person for one in whole.records}
    kept = list(whole.records)
    skipped = dict(whole.skipped)
    if people is not None:
        fold_of = _people(_list(tree, people), people, persons)
        kept = [Record(one.name, one.person, {"fold": fold_of[str(one.person)]}) for one in kept if one.person in fold_of]
        skipped |= {one.name: f"its person is not in {people}" for one in whole.records if one.person not in fold_of}
    if pairs is not None:
        asked = _pairs(_list(tree, pairs), pairs)
        gone = sorted(asked - set(there))
        if gone:
            more = f" (and {len(gone) - 1} more)" if len(gone) > 1 else ""
            raise UsageError(f"source lfw: {pairs} names {gone[0]}{more}, which is not there")
        skipped |= {one.name: f"is in no pair of {pairs}" for one in kept if PurePosixPath(one.name).stem not in asked}
        kept = [one for one in kept if PurePosixPath(one.name).stem in asked]
    return Found(tuple(kept), skipped)


def _list(tree: Tree, name: str) -> list[list[str]]:
    text = text_of(tree, name)
    if text is None:
        raise UsageError(f"source lfw: there is no {name} in the database")
    return [line.split("\t") if "\t" in line else line.split() for line in text.splitlines() if line.strip()]


def _people(lines: list[list[str]], where: str, persons: set[str | None]) -> dict[str, str]:
    """Return the fold of each person: a number alone begins one, after the number of folds where there are several."""
    folds, fold = dict[str, str](), 0
    for number, line in enumerate(lines, 1):
        if len(line) == 1 and line[0].isdigit():
            fold += 0 if number == 1 and len(lines) > 1 and len(lines[1]) == 1 else 1
        elif len(line) == 2 and line[1].isdigit():
            if line[0] not in persons:
                raise UsageError(f"source lfw: {where}:{number} names {line[0]}, of whom there is no picture")
            folds[line[0]] = str(max(fold, 1))
        else:
            raise UsageError(f"source lfw: {where}:{number}: expected a name and a number of pictures")
    return folds


def _pairs(lines: list[list[str]], where: str) -> set[str]:
    asked: set[str] = set()
    for number, line in enumerate(lines, 1):
        if len(line) == 3 and line[1].isdigit() and line[2].isdigit():
            asked |= {f"{line[0]}_{int(n):04d}" for n in line[1:]}
        elif len(line) == 4 and line[1].isdigit() and line[3].isdigit():
            asked |= {f"{line[0]}_{int(line[1]):04d}", f"{line[2]}_{int(line[3]):04d}"}
        elif not (len(line) <= 2 and all(part.isdigit() for part in line)):  # the counts at the head
            raise UsageError(f"source lfw: {where}:{number}: expected a name and two numbers, or two names with a number each")
    return asked


PARTITIONS = {"0": "train", "1": "valid", "2": "test"}


def celeba(tree: Tree, partition: str) -> Found:
    """Read CelebA's lists (Liu et al., Deep learning face attributes in the wild, ICCV 2015) and the pictures that they name.

    Args:
        partition: `all`, `train`, `valid` or `test`.

    Raises:
        UsageError: the list of identities is missing or damaged, or there is no list of partitions for the one that is asked.
    """
    names, left = tree.names()
    pictures = {PurePosixPath(name).name: name for name in names if is_picture_name(name)}
    lists = {PurePosixPath(name).name: name for name in names if name.endswith(".txt")}
    person_of = {line[0]: line[1] for line in _table(tree, lists, "identity_CelebA.txt", 2)}
    parts: dict[str, str] = {}
    if "list_eval_partition.txt" in lists:
        parts = {line[0]: PARTITIONS.get(line[1], line[1]) for line in _table(tree, lists, "list_eval_partition.txt", 2)}
    elif partition != "all":
        raise UsageError("source celeba: partition needs list_eval_partition.txt, which is not there")
    attributes, head = dict[str, dict[str, str]](), list[str]()
    if "list_attr_celeba.txt" in lists:
        lines = (text_of(tree, lists["list_attr_celeba.txt"]) or "").splitlines()
        head = lines[1].split() if len(lines) > 1 else []
        for line in lines[2:]:
            cells = line.split()
            if len(cells) == len(head) + 1:
                attributes[cells[0]] = {key: "yes" if value == "1" else "no" for key, value in zip(head, cells[1:], strict=True)}
    skipped = dict(left) | {name: NO_PICTURE for name in names if not is_picture_name(name)}
    records = []
    for short, name in pictures.items():
        if short not in person_of:
            skipped[name] = "is not in identity_CelebA.txt"
        elif partition != "all" and parts.get(short) != partition:
            skipped[name] = f"is not in the partition {partition}"
        else:
            more = {"partition": parts[short]} if short in parts else {}
            records.append(Record(name, person_of[short], {**attributes.get(short, {}), **more}))
    gone = [short for short in person_of if short not in pictures]
    skipped |= dict.fromkeys(gone, "is listed, and missing")
    return Found(tuple(records), skipped)


def _table(tree: Tree, lists: Mapping[str, str], name: str, width: int) -> list[list[str]]:
    if name not in lists:
        raise UsageError(f"source celeba: there is no {name} in the database")
    lines = [line.split() for line in (text_of(tree, lists[name]) or "").splitlines() if line.strip()]
    wrong = next((n for n, line in enumerate(lines, 1) if len(line) != width), None)
    if wrong is not None:
        raise UsageError(f"source celeba: {name}:{wrong}: expected {width} words")
    return lines


def imagefolder(tree: Tree, person: str | None) -> Found:
    """Read folders of pictures with `metadata.jsonl` or `metadata.csv` in any of them, as the hub's `imagefolder` does.

    Args:
        person: column of the metadata that names the person; None for the folder in which a picture lies.

    Raises:
        UsageError: metadata are damaged, or have no such column.
    """
    names, left = tree.names()
    there = {name for name in names if is_picture_name(name)}
    columns: dict[str, dict[str, str]] = {}
    skipped = dict(left)
    seen: set[str] = set()
    for name in names:
        base = PurePosixPath(name)
        if base.name not in ("metadata.jsonl", "metadata.csv"):
            if name not in there:
                skipped[name] = NO_PICTURE
            continue
        skipped[name] = "metadata"
        for number, row in _metadata(tree, name):
            if "file_name" not in row:
                raise UsageError(f"source imagefolder: {name}:{number}: no file_name")
            target = (base.parent / str(row.pop("file_name"))).as_posix()
            if ".." in PurePosixPath(target).parts:
                raise UsageError(f"source imagefolder: {name}:{number}: file_name leads out of the folder")
            seen |= set(row)
            columns[target] = {key: _plain(value) for key, value in row.items()}
            if target not in there:
                skipped[target] = f"{name} lists it, and it is missing"
    if person is not None and person not in seen:
        listed = ", ".join(sorted(seen)) or "none"
        raise UsageError(f'source imagefolder: no column "{person}" in the metadata; columns: {listed}')
    records = []
    for name in sorted(there):
        own = columns.get(name, {})
        who = own.get(person) if person is not None else (PurePosixPath(name).parent.name or None)
        if person is not None and not who:
            skipped[name] = f'the metadata name no "{person}" for it'
            continue
        records.append(Record(name, who, {key: value for key, value in own.items() if key != person}))
    return Found(tuple(records), skipped)


def _metadata(tree: Tree, name: str) -> list[tuple[int, dict[str, Any]]]:
    text = text_of(tree, name) or ""
    if name.endswith(".csv"):
        return [(n, dict(row)) for n, row in enumerate(csv.DictReader(io.StringIO(text)), 2)]
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UsageError(f"source imagefolder: {name}:{number}: {error}") from None
        if not isinstance(row, dict):
            raise UsageError(f"source imagefolder: {name}:{number}: expected an object")
        rows.append((number, row))
    return rows


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
