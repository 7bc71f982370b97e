"""Make what the network learns: two hundred people who do not exist in several poses, and mixtures of them.

    python plugins/deidframe-gnn/scripts/make_proxies.py --work DIR

A person is a point of StyleGAN's W. Pose and expression are moved along the directions that landmarks were found to follow, in
the coarse layers alone, so that nothing else changes. A mixture is the weighted mean of its people in W: the picture that the
network should make of the same weights. Shards are kept, so that an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Photos
from deidframe.host.catalogue import Catalogue
from deidframe_gnn.network import PEOPLE, SIDE
from deidframe_stylegan.bank import load_bank
from deidframe_stylegan.generator import Generator
from deidframe_stylegan.objective import COARSE
from deidframe_stylegan.portrait import load_portrait, poses

SEED = 2027
PSI = 0.75
"""Truncation: how far people lie from the mean face."""
POSES, MIXTURES = 5, 1000
SPREAD = (1.0, 0.6, 0.6, 0.6)
"""Standard deviations of the four poses, in those of the bank's faces."""
SHARD = 100


def main() -> None:
    """Parse the options and make the shards that are missing."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "deidframe-gnn")
    work: Path = options.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    context = Context(seed=SEED, scratch=work, log=print)
    generator = Generator(context)
    finder = Catalogue().load("detector", "yunet")
    detector = finder.make(finder.component.params(), context)
    identities, moves = plan_of()
    bank = load_bank("sface")
    people = bank.w_mean + PSI * (generator.draws(PEOPLE, SEED) - bank.w_mean)
    back = np.linalg.pinv(load_portrait().pose_map.astype(np.float64))  # from poses to coordinates on W's axes
    for start in range(0, len(identities), SHARD):
        target = work / f"{start:06d}.npz"
        if target.exists():
            continue
        rows = range(start, min(start + SHARD, len(identities)))
        pictures = np.empty((len(rows), 256, 256, 3), np.uint8)
        for place, row in enumerate(rows):
            layers = np.repeat((identities[row] @ people)[None], 23, axis=0)
            layers[:COARSE] += ((moves[row] @ back) @ bank.basis).astype(np.float32)
            pictures[place] = generator.picture(layers.astype(np.float32), 256)
        ids = tuple(str(row) for row in rows)
        found = detector.detect(Photos.from_arrays(ids, list(pictures)))
        best = {photo: n for n, photo in reversed(list(enumerate(found.photo_ids)))}
        kept = [place for place, name in enumerate(ids) if name in best]
        marks = found.landmarks[[best[ids[place]] for place in kept]]
        small = pictures[kept].reshape(len(kept), SIDE, 2, SIDE, 2, 3).mean(axis=(2, 4))
        with tempfile.NamedTemporaryFile(dir=work, delete=False) as part:
            np.savez(
                part,
                pictures=np.rint(small).astype(np.uint8),
                identities=identities[list(rows)][kept].astype(np.float32),
                poses=poses(marks).astype(np.float32),
            )
        Path(part.name).replace(target)
        print(f"{rows[-1] + 1} of {len(identities)}", flush=True)


def plan_of() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return identity vectors `(N, 200)` and poses `(N, 4)`, shuffled: each person in five poses, and a thousand mixtures."""
    rng = np.random.default_rng(SEED)
    alone = np.tile(np.eye(PEOPLE), (POSES, 1))
    mixed = np.zeros((MIXTURES, PEOPLE))
    for row in mixed:
        chosen = rng.choice(PEOPLE, rng.integers(2, 11), replace=False)
        row[chosen] = rng.dirichlet(np.full(len(chosen), 3.0))
    identities = np.concatenate([alone, mixed])
    moves = rng.standard_normal((len(identities), 4)) * SPREAD
    moves[:PEOPLE] = 0
    order = rng.permutation(len(identities))
    return identities[order], moves[order]


if __name__ == "__main__":
    main()
