"""Write the report of a run."""

from __future__ import annotations

from pathlib import Path

from deidframe.record.read import read_run
from deidframe.record.write import write_bytes
from deidframe.report.markdown import markdown


def write_report(folder: Path) -> Path:
    """Write `report.md` and return its path."""
    record = read_run(folder)
    target = folder / "report.md"
    write_bytes(target, markdown(record).encode())
    return target
