"""The folder of a run over scenes: begun, gone on with, and published."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from deidframe.contract.errors import StoreError, UsageError
from deidframe.engine.scenes.checks import Wanted
from deidframe.guard.scene import SceneCertificate, scene_statement
from deidframe.record.release import COMPARED, PROMISED, publish
from deidframe.record.write import write_bytes


@dataclass(frozen=True)
class Outcome:
    """Where the published files lie and what can be said of them."""

    folder: Path
    certificate: SceneCertificate


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


def published(folder: Path, files: Mapping[str, str], certificate: SceneCertificate, wanted: Wanted) -> Outcome:
    """Publish the staged files of a run: under `release` where something is promised of them, else under `compared`."""
    said = scene_statement(certificate)
    target = folder / (PROMISED if said.promised else COMPARED)
    facts = {"kind": "scenes", "method": wanted.named}
    publish(folder / "private" / "staged", target, files, certificate.as_dict(), facts, said.as_dict(), said.text(wanted.named))
    return Outcome(target, certificate)


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


def write_withheld(private: Path, withheld: dict[str, str]) -> None:
    """Write `withheld.csv`: file and reason."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(["file", "reason"])
    lines.writerows(sorted(withheld.items()))
    write_bytes(private / "withheld.csv", out.getvalue().encode("utf-8", "surrogateescape"), private=True)
