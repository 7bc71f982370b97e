"""`deidframe doctor`: what is there, what is missing, and how to get it."""

from __future__ import annotations

import argparse

HELP = "say what is installed, what is missing and how to get it"
EXAMPLE = "deidframe doctor"


def arguments(parser: argparse.ArgumentParser) -> None:
    """There are no options."""


def run(options: argparse.Namespace) -> int:
    """Print one line for each thing; 4 where something that is installed cannot work."""
    import importlib.util
    import os
    import platform
    import shutil

    from deidframe import __version__
    from deidframe.environment import cache_folder
    from deidframe.host.discover import list_plugins
    from deidframe.models.catalogue import listed_weights
    from deidframe.models.fetch import find_weights

    print(f"deidframe {__version__}, Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    # what plugins say of themselves in their metadata; none of their code runs
    listed = list_plugins()
    for one in listed:
        if one.problem:
            print(f"broken   {one.role} {one.name} ({one.distribution}): {one.problem}")
    broken = sum(bool(one.problem) for one in listed)
    print(f"plugins  {len(listed)} components of {len({p.distribution for p in listed})} distributions, {broken} broken")
    cache = cache_folder()
    room = cache
    while not room.exists():
        room = room.parent
    print(f"cache    {cache}, {shutil.disk_usage(room).free / 1e9:.1f} GB free")
    for weights in listed_weights({p.package for p in listed if not p.problem}):
        place = find_weights(weights)
        state = "here" if place else "fetched on first use"
        print(f"weights  {weights.name}: {state} ({weights.size / 1e6:.1f} MB, {weights.package} {weights.version})")
    for module, what, how in (
        ("av", "video", "python -m pip install av"),
        ("torch", "aiming by gradients, facenet, mtcnn", "python -m pip install torch"),
        ("openvino", "every network", "python -m pip install openvino"),
        ("hdbscan", "clusterer hdbscan", "python -m pip install hdbscan"),
        ("pyarrow", "encodings in Parquet", "python -m pip install pyarrow"),
    ):
        there = importlib.util.find_spec(module) is not None
        print(f"{'found' if there else 'missing':8} {module}: {what}{'' if there else f'; {how}'}")
    return 4 if broken else 0
