"""`deidframe new plugin`: write a plugin that already works."""

from __future__ import annotations

import argparse

HELP = "write a plugin that already works, with its tests and a recipe"
EXAMPLE = "deidframe new plugin my-groups --role clusterer"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("what", choices=("plugin",), help="what to write")
    parser.add_argument("name", metavar="NAME", help="of the component; the distribution is deidframe-NAME")
    parser.add_argument("--role", required=True, metavar="ROLE", help="source, detector, encoder, clusterer, ...")
    parser.add_argument("-o", "--out", metavar="DIR", help="folder to make (default: deidframe-NAME)")


def run(options: argparse.Namespace) -> int:
    """Write the files and say what to do next."""
    from pathlib import Path

    from deidframe.testing.scaffold import scaffold

    name = options.name.removeprefix("deidframe-")
    out = Path(options.out) if options.out else Path(f"deidframe-{name}")
    for file in scaffold(name, options.role, out):
        print(f"wrote    {file}")
    print(f"next     cd {out} && python -m pip install -e '.[test]' && python -m pytest && deidframe run recipe.toml")
    return 0
