"""Groupings against each other: `python tests/benchmarks/groups.py 10000 200000 1000000 --k 10`.

People are drawn as recognisers see them: identity means whose spectrum falls, normalised, and one row for each person. Each
grouping is a process of its own, by the command that users have (`deidframe cluster`), and by the library where a size is small
enough for the peers. Printed are seconds of the clusterer and of the whole command, squared error a row, and peak memory.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

DIMENSIONS = 128
IMAGES = 7
"""Pictures of a person, on average, beyond the first, where people are to be found."""
SLOW = {"constrained-k-means": 2_000, "mdav": 20_000, "k-member": 5_000, "ward-recut": 10_000}
"""Rows up to which a peer is tried."""


def drawn(count: int, *, pictures: bool, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return `(N, 128)` unit rows and whose they are: a person's mean each, or pictures at cosines of .7 to .9 to it."""
    rng = np.random.default_rng(seed)
    people = count if not pictures else count // IMAGES + 1
    turn = np.linalg.qr(rng.standard_normal((DIMENSIONS, DIMENSIONS)))[0]
    spectrum = (1 + np.arange(DIMENSIONS)) ** -0.7
    rows = np.empty((count, DIMENSIONS), np.float32)
    who = np.arange(count)
    if pictures:
        sizes = 1 + rng.poisson(IMAGES, people)
        who = rng.permutation(np.repeat(np.arange(people), sizes)[:count])
    means = np.empty((people, DIMENSIONS), np.float32)
    for at in range(0, people, 2**16):
        part = (rng.standard_normal((min(2**16, people - at), DIMENSIONS)) * spectrum) @ turn
        means[at : at + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
    if not pictures:
        return means, who
    near = rng.uniform(0.7, 0.9, people)
    for at in range(0, count, 2**16):
        own = who[at : at + 2**16]
        off = rng.standard_normal((len(own), DIMENSIONS))
        off -= (off * means[own]).sum(axis=1, keepdims=True) * means[own]
        off /= np.linalg.norm(off, axis=1, keepdims=True)
        rows[at : at + len(own)] = near[own, None] * means[own] + np.sqrt(1 - near[own] ** 2)[:, None] * off
    return rows, who


def grouped(file: Path, words: list[str], out: Path) -> tuple[float, float, float, str]:
    """Run `deidframe cluster` and return its own seconds, those of the whole, and its peak memory in GB."""
    before = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, "cluster", str(file), "-o", str(out), *words],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    whole = time.perf_counter() - before
    lines = dict(line.rsplit(None, 1) for line in done.stdout.splitlines() if len(line.split()) > 1)
    if done.returncode:
        return float("nan"), whole, float("nan"), "failed"
    return float(lines.get("seconds clusterer", "nan")), whole, float(lines["memory"]) / 2**20, ""


_MEASURED = """
import resource, sys
from deidframe.cli.main import main
code = main(sys.argv[1:])
print("memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(code)
"""


def labels_of(path: Path) -> np.ndarray:
    """Return the groups of a file of `id,group` lines."""
    with path.open() as file:
        return np.array([int(row[1]) for row in list(csv.reader(file))[1:]])


def error(rows: np.ndarray, labels: np.ndarray) -> float:
    """Return the squared error of groups, a row."""
    sums = np.zeros((labels.max() + 1, rows.shape[1]))
    total = 0.0
    for at in range(0, len(rows), 2**16):
        part = rows[at : at + 2**16].astype(np.float64)
        total += float((part**2).sum())
        np.add.at(sums, labels[at : at + 2**16], part)
    return (total - float(((sums**2).sum(axis=1) / np.bincount(labels)).sum())) / len(rows)


def agreement(labels: np.ndarray, who: np.ndarray) -> float:
    """Return the pairwise F of people that were found."""
    from deidframe.measure.grouping import against_labels

    return against_labels(labels, [str(one) for one in who.tolist()])["pairwise_f"]


def main() -> None:
    """Print a line for each grouping of each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=int, nargs="+")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--use", nargs="+", default=["fixed-size"], help="clusterers, with parameters as fixed-size:cells=8")
    parser.add_argument("--room", default=None, help="where files are written (default: the system's temporary folder)")
    options = parser.parse_args()
    for count in options.rows:
        for asked in options.use:
            name, *params = asked.split(":")
            if count > SLOW.get(name, count):
                continue
            finds = name in ("aroc", "dbscan", "hdbscan", "optics", "average-linkage")
            rows, who = drawn(count, pictures=finds)
            with tempfile.TemporaryDirectory(dir=options.room) as room:
                file, out = Path(room) / "rows.npz", Path(room) / "groups.csv"
                np.savez(file, vectors=rows, ids=np.arange(count).astype(str))
                words = ["--use", name, *(w for one in params for w in ("--param", one))]
                words += [] if finds else ["-k", str(options.k)]
                seconds, whole, memory, failed = grouped(file, words, out)
                if failed:
                    print(f"{count:9,} {asked:32} failed after {whole:.0f} s", flush=True)
                    continue
                labels = labels_of(out)
            good = f"pairwise F {agreement(labels, who):.3f}" if finds else f"SSE a row {error(rows, labels):.4f}"
            print(f"{count:9,} {asked:32} {seconds:8.1f} s, whole {whole:8.1f} s, {good}, {memory:.2f} GB", flush=True)


if __name__ == "__main__":
    main()
