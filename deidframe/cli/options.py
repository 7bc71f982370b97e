"""Options that several commands share."""

from __future__ import annotations

import argparse


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """Declare `--timeout`, which `main` holds every call of a component to."""
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=float, help="a component that works longer than this in one call is stopped"
    )
