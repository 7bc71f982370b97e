"""Make the bank: a few thousand faces of nobody, each with its W and its encodings, and the ridge map fitted on them.

    python plugins/deidframe-stylegan/scripts/make_bank.py --count 3000

Faces are written in shards as they are made, so that an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from deidframe.contract import Context, FaceSet, Photos
from deidframe.host.catalogue import Catalogue
from deidframe_stylegan.generator import MEAN_DRAWS, Generator

SEED = 2026
PSI = 0.75
SHARD = 100
ENCODERS = ("sface", "dlib-resnet")


def main() -> None:
    """Parse the options, make the shards that are missing, and join them."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=3000)
    options.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "deidframe-bank")
    chosen = options.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    context = Context(seed=SEED, scratch=chosen.work, log=print)
    generator = Generator(context)
    catalogue = Catalogue()
    parts = {name: catalogue.load("encoder", name) for name in ENCODERS}
    encoders = {name: part.make(part.component.params(), context) for name, part in parts.items()}
    finder = catalogue.load("detector", "yunet")
    detector = finder.make(finder.component.params(), context)
    mean = generator.draws(MEAN_DRAWS, SEED).mean(axis=0)
    all_w = mean + PSI * (generator.draws(chosen.count, SEED + 1) - mean)
    for start in range(0, chosen.count, SHARD):
        target = chosen.work / f"{start:06d}.npz"
        if target.exists():
            continue
        w = all_w[start : start + SHARD]
        pictures = np.stack([generator.picture(one, 256) for one in w])
        ids = tuple(f"{n:06d}" for n in range(start, start + len(w)))
        found = detector.detect(Photos.from_arrays(ids, list(pictures)))
        best = {photo: row for row, photo in reversed(list(enumerate(found.photo_ids)))}
        kept = [n for n, photo in enumerate(ids) if photo in best]
        rows = [best[ids[n]] for n in kept]
        faces = FaceSet(tuple(ids[n] for n in kept), pictures[kept], found.landmarks[rows])
        encodings = {name.replace("-", "_"): encoder.encode(faces).vectors for name, encoder in encoders.items()}
        shape = {
            "w": w[kept],
            "scores": found.scores[rows],
            "landmarks": found.landmarks[rows],
            "means": pictures[kept].mean((1, 2)),
        }
        with tempfile.NamedTemporaryFile(dir=chosen.work, delete=False) as part:
            np.savez(part, **shape, **encodings)
        Path(part.name).replace(target)
        print(f"{start + len(w)} of {chosen.count}", flush=True)


if __name__ == "__main__":
    main()
