"""From staged files to a release: the mapping under `private`, then the files where they are public."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deidframe.engine.components.pool import ComponentPool
from deidframe.guard.certificate import Certificate
from deidframe.guard.release import Release
from deidframe.record.release import publish
from deidframe.record.write import write_bytes, write_json


def publish_release(folder: Path, slug: str, release: Release, certificate: Certificate, pool: ComponentPool) -> Release:
    """Write the mapping under `private`, move the files to where they are public, and return the release there.

    Args:
        folder: of the run.
        slug: the method's folder.
        pool: told where the pictures lie now.
    """
    person_of, groups = release.person_of, release.groups or {}
    mapping = [
        {"file": release.names[face], "face": face, "person": person_of[face], "group": groups.get(face)}
        for face in release.faces.ids
    ]
    write_json(folder / "private" / "mapping" / f"{slug}.json", mapping, private=True)
    if release.people is not None:
        encodings, names = release.people.encodings, np.array(release.people.names)
        part = pool.scratch / "encodings.npz"
        np.savez(part, vectors=encodings.vectors, people=names, space=np.array(encodings.space))
        write_bytes(folder / "private" / "encodings" / f"{slug}.npz", part.read_bytes(), private=True)
    facts = {"method": release.method, "people": certificate.people, "pictures": certificate.pictures}
    target = folder / "release" / slug
    publish(release.folder, target, release.files, certificate.as_dict(), facts)
    moved = release.moved(target)
    pool.follow(release.faces, moved.faces)
    return moved
