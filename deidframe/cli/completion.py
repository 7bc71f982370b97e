"""`deidframe completion`: a script that lets a shell complete commands, options, files and the names of installed plugins."""

from __future__ import annotations

import argparse
from typing import Any

HELP = "print a completion script for a shell"
EXAMPLE = "deidframe completion bash"
ROLES = {
    ("cluster", "outliers"): "outlier-handler",
    ("cluster", "use"): "clusterer",
    ("encode", "use"): "encoder",
    ("encoder-check", "use"): "encoder",
    ("morph", "encoder"): "encoder",
    ("morph", "use"): "synthesizer",
}
"""Which options take the name of an installed component; `--detector` always does."""
FILES = ("recipe", "file", "source", "groups", "a", "b", "pairs")
FOLDERS = ("folder", "data")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="which shell; run it again after installing plugins")


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    from deidframe.cli.main import parser_of
    from deidframe.host.discover import list_plugins

    parser, _ = parser_of()
    names: dict[str, list[str]] = {}
    for plugin in list_plugins():
        if not plugin.problem:
            names.setdefault(plugin.role, []).append(plugin.name)
            names.setdefault("", []).append(plugin.distribution)
    for command, one in _commands(parser).items():
        for action in one._actions:
            role = "detector" if action.dest == "detector" else ROLES.get((command, action.dest))
            if (command, action.dest) == ("plugins", "distribution"):
                role = ""
            if role is not None:
                action.choices = sorted(set(names.get(role, [])))
            elif action.dest in FILES:
                action.complete = shtab.FILE
            elif action.dest in FOLDERS:
                action.complete = shtab.DIRECTORY
    print(shtab.complete(parser, options.shell))
    return 0


def _commands(parser: argparse.ArgumentParser) -> dict[str, Any]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}
