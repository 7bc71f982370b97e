"""Options that several commands share."""

from __future__ import annotations

import argparse


def add_device(parser: argparse.ArgumentParser) -> None:
    """Declare `--device`, which `main` sets for every component that asks."""
    parser.add_argument(
        "--device",
        metavar="NAME",
        help="cpu, cuda, cuda:N or mps, for components that ask (default: cuda where there is one)",
    )


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """Declare `--timeout`, which `main` holds every call of a component to."""
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=float, help="a component that works longer than this in one call is stopped"
    )


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Declare in how many bits encodings are kept, and under which names."""
    parser.add_argument(
        "--as",
        dest="precision",
        choices=["float32", "float16", "int8"],
        default="float32",
        help="bits of the numbers in Parquet; what is lost is said (default: float32)",
    )
    parser.add_argument(
        "--key", metavar="FILE", help="tell ids and people only by their HMAC under this secret, made where it is not there"
    )
