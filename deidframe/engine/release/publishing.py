"""From staged files to a release: the mapping under `private`, then the files where they are public."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deidframe.engine.components.identity import weights_of
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.planning.plan import MethodPlan
from deidframe.guard.carry import FILE, Carried, carried_csv
from deidframe.guard.certificate import Certificate
from deidframe.guard.release import Release
from deidframe.guard.statement import Reached, statement
from deidframe.record.release import COMPARED, PROMISED, publish, restate
from deidframe.record.schema import ROUNDING, Cell
from deidframe.record.write import write_bytes, write_parts


def publish_release(
    folder: Path,
    slug: str,
    release: Release,
    certificate: Certificate,
    licences: Sequence[str],
    pool: ComponentPool,
    columns: Mapping[str, Mapping[str, str]],
    carried: Sequence[Carried] = (),
) -> Release:
    """Write the mapping under `private`, move the files to where they are public, and return the release there.

    Args:
        folder: of the run.
        slug: the method's folder.
        licences: of the weights behind the pictures.
        pool: told where the pictures lie now.
        columns: of the owner's table, for the private mapping.
        carried: columns that are released.
    """
    keep_private(folder, slug, release, pool, columns, release.names)
    facts: dict[str, Any] = {"method": release.method, "people": certificate.people, "pictures": certificate.pictures}
    if carried:
        body = carried_csv(release, carried)
        write_bytes(release.folder / FILE, body)
        facts["carried_sha256"] = hashlib.sha256(body).hexdigest()
    said = statement(certificate, (), licences)
    target = folder / (PROMISED if said.promised else COMPARED) / slug
    publish(release.folder, target, release.files, certificate.as_dict(), facts, said.as_dict(), said.text(release.method))
    moved = release.moved(target)
    pool.follow(release.faces, moved.faces)
    return moved


def keep_private(
    folder: Path,
    slug: str,
    release: Release,
    pool: ComponentPool,
    columns: Mapping[str, Mapping[str, str]],
    file_of: Mapping[str, str],
) -> None:
    """Write under `private` who is on which released file, and the encodings that people were grouped by.

    Args:
        file_of: face -> the released file on which it is, "" for none.
    """
    person_of, groups = release.person_of, release.groups or {}

    def mapping() -> Iterator[dict[str, Any]]:
        for face in release.faces.ids:
            yield {"file": file_of.get(face, ""), "face": face, "person": person_of[face], "group": groups.get(face)}

    for ending, parts in (("json", mapping_json(mapping())), ("csv", mapping_csv(mapping(), columns))):
        encoded = (part.encode("utf-8", "surrogateescape") for part in parts)
        write_parts(folder / "private" / "mapping" / f"{slug}.{ending}", encoded, private=True)
    if release.people is not None:
        encodings, names = release.people.encodings, np.array(release.people.names)
        part = pool.scratch / "encodings.npz"
        np.savez(part, vectors=encodings.vectors, people=names, space=np.array(encodings.space))
        write_bytes(folder / "private" / "encodings" / f"{slug}.npz", part.read_bytes(), private=True)


def mapping_json(mapping: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the private mapping as one JSON list, a face a line."""
    opening = "[\n"
    for one in mapping:
        yield opening + json.dumps(one, ensure_ascii=False, allow_nan=False)
        opening = ",\n"
    yield "\n]\n" if opening.startswith(",") else "[]\n"


def mapping_csv(mapping: Iterable[Mapping[str, Any]], columns: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield the lines of the private mapping as a table, with the columns of the owner's own."""
    more = sorted({name for row in columns.values() for name in row})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")

    def line(*values: Any) -> str:
        out.seek(0)
        out.truncate()
        writer.writerow(values)
        return out.getvalue()

    yield line("file", "face", "person", "group", *more)
    for one in mapping:
        own = columns.get(one["face"], {})
        yield line(one["file"], one["face"], one["person"], one["group"], *(own.get(name, "") for name in more))


def restate_release(
    folder: Path, release: Release, certificate: Certificate, licences: Sequence[str], attacks: Sequence[Cell]
) -> Release:
    """Say in a published folder what the attacks reached; one whose promise is broken leaves `release/`.

    Returns:
        The release, read from where it lies now.

    Args:
        folder: of the run.
        attacks: the rows of those that were tried.
    """
    said = statement(certificate, reached(attacks), licences, _broken_by(attacks), unfinished(attacks))
    target = folder / (PROMISED if said.promised else COMPARED) / release.folder.name
    restate(release.folder, target, said.as_dict(), said.text(release.method))
    return release.moved(target)


def licences_of(method: MethodPlan) -> tuple[str, ...]:
    """Return the licences of the weights that a method's components load."""
    steps = (*method.steps.values(), *method.beside, *method.then)
    names = {name for step in steps for name in step.weights}
    return tuple(sorted({f"{one.name}: {one.licence}" for one in weights_of(steps) if one.name in names}))


def reached(attacks: Sequence[Cell]) -> tuple[Reached, ...]:
    """Return what attacks reached, for the statement of a release."""
    done = [(cell, cell.metrics["rank1"]) for cell in attacks if "rank1" in cell.metrics]
    return tuple(
        Reached(c.attack, c.encoder, r["value"], r["low"], r["high"], float(c.metrics.get("chance1", 0.0))) for c, r in done
    )


def unfinished(attacks: Sequence[Cell]) -> tuple[str, ...]:
    """Return the attacks that ended without a result."""
    return tuple(cell.attack for cell in attacks if cell.unfinished)


def _broken_by(attacks: Sequence[Cell]) -> str:
    """Return which attack reached more than the promise allows, "" where none did."""
    for cell in attacks:
        rank, bound = cell.metrics.get("rank1"), cell.metrics.get("bound1")
        if rank and bound and rank["low"] > bound + ROUNDING:
            interval = f"[{rank['low']:.2f}, {rank['high']:.2f}]"
            return f'the attack "{cell.attack}" reached {rank["value"]:.2f} {interval}, above {bound:.2f}'
    return ""
