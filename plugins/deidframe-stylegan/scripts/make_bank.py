"""Make the bank: a few thousand faces of nobody, each with its W and its encodings, and the ridge map fitted on them.

    python plugins/deidframe-stylegan/scripts/make_bank.py --count 3000
    python plugins/deidframe-stylegan/scripts/make_bank.py --add facenet

Faces are written in shards as they are made, so that an interrupted run goes on where it stopped. `--add` draws the faces of the
shipped bank again and gives it the encodings of one more encoder.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from deidframe.contract import Context, FaceSet, Photos
from deidframe.host.catalogue import Catalogue
from deidframe_stylegan.bank import BANK
from deidframe_stylegan.generator import MEAN_DRAWS, Generator

SEED = 2026
PSI = 0.75
SHARD = 100
ENCODERS = ("sface", "dlib-resnet")
AXES = 300
"""Principal axes of W in which the map predicts."""
RIDGE = 0.3
"""On 12 groups of real people 0.05 and 0.3 lose least (2.27 and 2.28 times the SSE); 3 and 20 stay too near the mean face."""


def main() -> None:
    """Parse the options, make the shards that are missing, and join them."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=3000)
    options.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "deidframe-bank")
    options.add_argument("--add", metavar="ENCODER")
    chosen = options.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    if chosen.add:
        add(chosen.add, chosen.work)
        return
    context = Context(seed=SEED, scratch=chosen.work, log=print)
    generator = Generator(context)
    catalogue = Catalogue()
    parts = {name: catalogue.load("encoder", name) for name in ENCODERS}
    encoders = {name: part.make(part.component.params(), context) for name, part in parts.items()}
    finder = catalogue.load("detector", "yunet")
    detector = finder.make(finder.component.params(), context)
    mean = generator.draws(MEAN_DRAWS, SEED).mean(axis=0)
    all_w = mean + PSI * (generator.draws(chosen.count, SEED + 1) - mean)
    shards = range(0, chosen.count, SHARD)
    for start in shards:
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
    join([chosen.work / f"{start:06d}.npz" for start in shards], generator)


def join(shards: list[Path], generator: Generator) -> None:
    """Fit the maps on all shards and write the bank into the package."""
    parts = [np.load(path) for path in shards]
    whole = {key: np.concatenate([part[key] for part in parts]) for key in parts[0].files}
    draws = generator.draws(MEAN_DRAWS, SEED)
    mean = draws.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((draws - mean).T))
    order = np.argsort(-values)[:AXES]
    basis = (vectors[:, order] * np.sqrt(values[order])).T
    q = (whole["w"] - mean) @ (vectors[:, order] / np.sqrt(values[order]))
    maps = {}
    for key in (name.replace("-", "_") for name in ENCODERS):
        x = whole[key] / np.linalg.norm(whole[key], axis=1, keepdims=True)
        centred = x - x.mean(axis=0)
        inner = centred.T @ centred + RIDGE * np.eye(x.shape[1])
        maps[f"{key}_map"] = np.linalg.solve(inner, centred.T @ (q - q.mean(axis=0))).astype(np.float16)
        maps[f"{key}_mean"] = x.mean(axis=0).astype(np.float32)
        maps[f"{key}_bank"] = x.astype(np.float16)
    w = whole["w"].astype(np.float16)
    np.savez_compressed(BANK, w=w, w_mean=mean.astype(np.float32), basis=basis.astype(np.float16), **maps)
    print(f"{len(w)} faces, {BANK.stat().st_size / 1e6:.1f} MB")


def add(name: str, work: Path) -> None:
    """Give the shipped bank the encodings of one more encoder, whose map is fitted like the others'."""
    context = Context(seed=SEED, scratch=work, log=print)
    generator, catalogue = Generator(context), Catalogue()
    encoder, detector = catalogue.load("encoder", name), catalogue.load("detector", "yunet")
    encode = encoder.make(encoder.component.params(), context).encode
    detect = detector.make(detector.component.params(), context).detect
    with np.load(BANK, allow_pickle=False) as file:
        held = {key: file[key] for key in file.files}
    w = held["w"].astype(np.float32)
    key = name.replace("-", "_")
    parts = []
    for start in range(0, len(w), SHARD):
        target = work / f"{key}-{start:06d}.npy"
        if not target.exists():
            pictures = np.stack([generator.picture(one, 256) for one in w[start : start + SHARD]])
            ids = tuple(str(n) for n in range(len(pictures)))
            found = detect(Photos.from_arrays(ids, list(pictures)))
            row_of = {photo: row for row, photo in reversed(list(enumerate(found.photo_ids)))}
            marks = found.landmarks[[row_of[one] for one in ids]]  # the bank holds none in which no face was found
            with tempfile.NamedTemporaryFile(dir=work, delete=False) as part:
                np.save(part, encode(FaceSet(ids, pictures, marks)).unit().vectors)
            Path(part.name).replace(target)
            print(f"{start + len(pictures)} of {len(w)}", flush=True)
        parts.append(np.load(target))
    x = np.concatenate(parts)
    basis = held["basis"].astype(np.float32)
    q = ((w - held["w_mean"]) @ basis.T) / (basis**2).sum(axis=1)
    centred = x - x.mean(axis=0)
    inner = centred.T @ centred + RIDGE * np.eye(x.shape[1])
    held[f"{key}_map"] = np.linalg.solve(inner, centred.T @ (q - q.mean(axis=0))).astype(np.float16)
    held[f"{key}_mean"] = x.mean(axis=0).astype(np.float32)
    held[f"{key}_bank"] = x.astype(np.float16)
    np.savez_compressed(BANK, **held)
    print(f"{len(w)} faces, {BANK.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
