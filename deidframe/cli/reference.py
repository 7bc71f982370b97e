"""The reference of all commands, written from their parsers: `python -m deidframe.cli.reference > docs/reference/commands.md`."""

from __future__ import annotations

import argparse

from deidframe.cli.main import COMMANDS, parser_of

CODES = """\
| code | meaning |
|---|---|
| 0 | every cell is ok |
| 1 | some cell failed; it is recorded |
| 2 | the command line cannot be acted on |
| 3 | the recipe is wrong; nothing ran |
| 4 | a plugin or its weights are missing, broken or clashing |
| 5 | nothing to do |
| 6 | a gate refused a release |
| 70 | internal error |
| 130 | interrupted |
"""


def reference() -> str:
    """Return the page as Markdown."""
    _, modules = parser_of()
    parts = ["# Commands\n\nMade by `python -m deidframe.cli.reference`; a test holds this page to the code.\n"]
    for name in COMMANDS:
        module = modules[name]
        parser = argparse.ArgumentParser(add_help=False)
        module.arguments(parser)
        rows = [_row(action) for action in parser._actions if action.help != argparse.SUPPRESS]
        table = "| | |\n|---|---|\n" + "".join(rows) if rows else ""
        parts.append(f"## {name}\n{module.HELP[0].upper()}{module.HELP[1:]}.\n\n```\n{module.EXAMPLE}\n```\n{table}")
    parts.append(f"`--debug` shows the traceback of an error with every command.\n\n## Exit codes\n{CODES}")
    return "\n".join(parts)


def _row(action: argparse.Action) -> str:
    shown = action.metavar if isinstance(action.metavar, str) else "|".join(map(str, action.choices or ())) or action.dest.upper()
    value = "" if action.nargs == 0 else shown
    name = ", ".join(f"{option} {value}".strip() for option in action.option_strings) or shown
    needed = " (required)" if action.required and action.option_strings else ""
    return f"| `{name.replace('|', ' or ')}` | {str(action.help).replace('|', ' or ')}{needed} |\n"


if __name__ == "__main__":
    print(reference(), end="")
