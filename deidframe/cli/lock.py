"""`deidframe lock`: pin what a recipe is run with."""

from __future__ import annotations

import argparse

from deidframe.cli import check

HELP = "pin code, versions and weights of a recipe, so that a later run refuses others"
EXAMPLE = "deidframe lock study.toml"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("recipe", metavar="RECIPE", help=check.RECIPE)
    parser.add_argument(
        "--set", metavar="PATH=VALUE", action="append", default=[], help="change one value of the recipe, as run does"
    )
    parser.add_argument("-o", "--out", metavar="FILE", help="the lock (default: NAME.lock beside the recipe, or here)")
    parser.add_argument("--check", action="store_true", help="only say what drifted since the lock was written")


def run(options: argparse.Namespace) -> int:
    """Write the lock, or say what drifted."""
    import tempfile
    from pathlib import Path

    from deidframe.engine.planning.planner import plan
    from deidframe.engine.tools.lock import check_lock, pinned
    from deidframe.host.catalogue import Catalogue
    from deidframe.recipe.packaged import find_recipe
    from deidframe.recipe.parse import load_recipe
    from deidframe.record.write import write_json

    file = find_recipe(options.recipe)
    parsed = load_recipe(file, options.set)
    own = Path(options.recipe).is_file()
    path = Path(options.out) if options.out else (file.with_suffix(".lock") if own else Path(f"{parsed.recipe.name}.lock"))
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        planned = plan(parsed, Catalogue(), Path(scratch))
    if options.check:
        check_lock(path, planned)
        print(f"nothing drifted since {path}")
        return 0
    found = pinned(planned)
    write_json(path, found)
    files = sum(len(one["files"]) for one in found["distributions"].values())
    print(f"lock     {path}: {len(found['distributions'])} packages, {files} files, {len(found['weights'])} weights")
    print(f"run      deidframe run {options.recipe} --lock {path}")
    return 0
