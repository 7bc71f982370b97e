"""`deidframe purge`: remove what must not be shared from a run folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deidframe.engine.cache.disk_cache import DiskCache

HELP = "remove private/ (mapping, encodings, keys) from a run folder"
EXAMPLE = "deidframe purge runs/quickstart"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", metavar="RUN", help="a run folder")


def run(options: argparse.Namespace) -> int:
    """Remove the folder; releases and reports stay. The bytes may still be read off the disk by who has it in hand."""
    from deidframe.contract.errors import UsageError
    from deidframe.engine.cache.disk_cache import DiskCache
    from deidframe.engine.run import stages_folder
    from deidframe.engine.run_folder import locked

    folder = Path(options.folder)
    private = folder / "private"
    if not (folder / "run.json").is_file():
        raise UsageError(f"{str(folder)!r} is not a run folder: there is no run.json in it; nothing was removed")
    if private.is_symlink():
        raise UsageError(f"{str(private)!r} is a link; nothing was removed")
    if not private.is_dir():
        print(f"{private}: already gone")
        return 0
    with locked(folder):
        return _purge(private, DiskCache(stages_folder()))


def _purge(private: Path, cache: DiskCache) -> int:
    """Remove what is private while no run is at work there."""
    import shutil

    from deidframe.contract.errors import StoreError

    count = sum(1 for path in private.rglob("*") if path.is_file())
    keys = private / "cache.keys"
    kept = sum(cache.remove(key) for key in keys.read_text().split()) if keys.is_file() else 0
    try:
        shutil.rmtree(private)
    except OSError as error:
        raise StoreError(f"cannot remove {str(error.filename or private)!r}: {error.strerror}") from error
    print(f"{private}: {count} files removed, and {kept} from the cache; this run no longer says who is on which file")
    print("Whoever has the originals can still try to match them, and copies and backups are not reached from here.")
    return 0
