"""Count a release's promise again from the run's private part: who is behind each file, and which group they are in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deidframe.contract.errors import ReleaseRefused, UsageError
from deidframe.engine.release.verify import releases_in, verify
from deidframe.guard.groups import check_groups, people_in_groups
from deidframe.record.release import RELEASE


@dataclass(frozen=True)
class Recount:
    """What was counted again of one release.

    Args:
        folder: of the release.
        k: the fewest different people who share one picture, counted now.
        people, pictures: likewise.
        problems: in words; none where all is as its certificate says.
        scenes: the files are whole photos or videos, and k is that of the groups behind what is drawn, 0 where nothing is.
    """

    folder: Path
    k: int
    people: int
    pictures: int
    problems: tuple[str, ...]
    scenes: bool = False


def recount(run: Path) -> list[Recount]:
    """Count every release of a run again, from its files and the private mapping.

    What needs the originals (that a face was found in each, and that none was handed back) is not counted again.

    Raises:
        UsageError: it is no run folder, it holds no release, or its private part is gone or damaged.
    """
    if not (run / "run.json").is_file():
        raise UsageError(f"{str(run)!r} is not a run folder: there is no run.json in it")
    if not (run / "private" / "mapping").is_dir():
        raise UsageError(f"{str(run)!r} has no private/mapping any more; `deidframe verify` checks what can be seen without it")
    return [_recount(folder, run / "private" / "mapping" / f"{folder.name}.json") for folder in releases_in(run)]


def _recount_scenes(
    folder: Path, rows: list[dict[str, Any]], stated: dict[str, Any], problems: list[str], held: Mapping[str, str]
) -> Recount:
    """Count who stands behind the surrogates that are drawn into scenes; a face on no released file is mapped to none."""
    problems += [
        f"{name}: the mapping lists it, but it is missing" for name in sorted({row["file"] for row in rows} - {"", *held})
    ]
    people = len({row["person"] for row in rows})
    surrogates = stated.get("surrogates")
    k = 0
    if surrogates is not None and "k_asked" in surrogates:
        groups = {str(row["face"]): int(row["group"]) for row in rows}
        person_of = {str(row["face"]): str(row["person"]) for row in rows}
        try:
            counts = check_groups(groups, person_of, surrogates["k_asked"], folder.name)
        except ReleaseRefused as error:
            problems.append(str(error))
            counts = people_in_groups(groups, person_of)
        k = min(counts.values(), default=0)
        for name, count in (("people", people), ("groups", len(counts)), ("k_counted", k)):
            if surrogates[name] != count:
                problems.append(f"the certificate says {name.replace('_', ' ')} = {surrogates[name]}, counted {count}")
    return Recount(folder, k, people, len(held), tuple(problems), scenes=True)


def _recount(folder: Path, path: Path) -> Recount:
    rows = _mapping(path)
    verdict = verify(folder)
    problems, held = list(verdict.problems), verdict.digests
    stated = _certificate(folder)
    if verdict.kind:
        return _recount_scenes(folder, rows, stated, list(verdict.problems), verdict.digests)
    mapped = Counter(str(row["file"]) for row in rows)
    problems += [f"{name}: the mapping lists no person for it" for name in held if name not in mapped]
    problems += [f"{name}: the mapping lists it, but it is missing" for name in mapped if name not in held]
    problems += [f"{name}: the mapping lists it {count} times" for name, count in mapped.items() if count > 1]
    present = [row for row in rows if row["file"] in held]
    behind: dict[str, set[str]] = {}
    for row in present:
        behind.setdefault(held[row["file"]], set()).add(row["person"])
    k = min((len(people) for people in behind.values()), default=0)
    people = len({row["person"] for row in present})
    counted: dict[str, int | None] = {"pictures": len(held), "people": people, "distinct_pictures": len(behind), "k_counted": k}
    asked = stated.get("k_asked")
    if asked is not None:
        groups = {str(row["face"]): row["group"] for row in present}
        counted["groups"] = len(set(groups.values()))
        try:
            check_groups(groups, {str(row["face"]): row["person"] for row in present}, asked, folder.name)
        except ReleaseRefused as error:
            problems.append(str(error))
        shown: dict[int, set[str]] = {}
        for row in present:
            shown.setdefault(row["group"], set()).add(held[row["file"]])
        several = sum(len(digests) > 1 for digests in shown.values())
        if several:
            problems.append(f"{several} groups show more than one picture")
        if k < asked:
            problems.append(f"a picture is shared by {k} people, k = {asked} was asked")
    for name, count in counted.items():
        if stated.get(name) != count:
            problems.append(f"the certificate says {name.replace('_', ' ')} = {stated.get(name)}, counted {count}")
    return Recount(folder, k, people, len(held), tuple(problems))


def _mapping(path: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(path.read_text("utf-8", "surrogateescape"))
        whole = all(isinstance(row["file"], str) and isinstance(row["person"], str) and "face" in row for row in rows)
        whole = whole and all(row["group"] is None or isinstance(row["group"], int) for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{str(path)!r} cannot be read ({type(error).__name__}): the release cannot be counted again") from None
    if not whole:
        raise UsageError(f"{str(path)!r} is damaged: the release cannot be counted again")
    return list(rows)


def _certificate(folder: Path) -> dict[str, Any]:
    try:
        stated = json.loads((folder / RELEASE).read_text("utf-8", "surrogateescape"))["certificate"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return stated if isinstance(stated, dict) else {}
