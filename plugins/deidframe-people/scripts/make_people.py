"""Make the people: fifty who do not exist, six pictures each, checked with two recognisers. The same seed makes the same set.

    python plugins/deidframe-people/scripts/make_people.py

A person is a point of W. A picture of the person is that point moved a bounded part of the way towards a stranger: pose, light,
expression and background change, the person does not. A person whose pictures do not all verify as one person, in both
recognisers, is dropped; so is the later of two look-alikes.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np

from deidframe.contract import Context, FaceSet, Photos
from deidframe.guard.hygiene import encode_jpeg
from deidframe.host.catalogue import Catalogue
from deidframe_people.source import FACES
from deidframe_stylegan.generator import MEAN_DRAWS, Generator

SEED = 50
PEOPLE, PICTURES, CANDIDATES = 50, 6, 240
PSI = 0.9
MOVE = (0.14, 0.28)
SFACE_SAME = 0.42
"""Cosine above which two pictures are one person; OpenCV gives 0.363."""
DLIB_SAME = 0.58
"""dlib distance below which two pictures are one person; dlib gives 0.6."""
SFACE_ALIKE = 0.55
"""Two people whose mean encodings have a larger cosine look alike."""
DLIB_ALIKE = 0.45
"""Two people whose mean encodings are nearer look alike."""


def main() -> None:
    """Generate candidates, check them, and write the first fifty good ones into the package."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, default=FACES)
    out: Path = options.parse_args().out
    with tempfile.TemporaryDirectory() as scratch:
        context = Context(seed=SEED, scratch=Path(scratch), log=print)
        generator = Generator(context)
        catalogue = Catalogue()
        encoders = {}
        for name in ("sface", "dlib-resnet"):
            part = catalogue.load("encoder", name)
            encoders[name] = part.make(part.component.params(), context)
        finder = catalogue.load("detector", "yunet")
        detector = finder.make(finder.component.params(), context)
        mean = generator.draws(MEAN_DRAWS, SEED).mean(axis=0)
        centres = mean + PSI * (generator.draws(CANDIDATES, SEED + 1) - mean)
        strangers = mean + PSI * (generator.draws(CANDIDATES * PICTURES, SEED + 2) - mean)
        moves = np.random.default_rng(SEED + 3).uniform(*MOVE, (CANDIDATES, PICTURES))
        kept: list[tuple[list[bytes], np.ndarray, np.ndarray]] = []
        for n in range(CANDIDATES):
            pictures = []
            for m in range(PICTURES):
                w = centres[n] + moves[n, m] * (strangers[n * PICTURES + m] - centres[n])
                pictures.append(generator.picture(w, 256))
            ids = tuple(str(m) for m in range(PICTURES))
            found = detector.detect(Photos.from_arrays(ids, pictures))
            if len(found) != PICTURES or set(found.photo_ids) != set(ids) or found.scores.min() < 0.8:
                print(f"{n}: not one clear face in each picture")
                continue
            faces = FaceSet(ids, np.stack(pictures), found.landmarks)
            sface = encoders["sface"].encode(faces).unit().vectors
            dlib = encoders["dlib-resnet"].encode(faces).vectors
            pairs = np.triu_indices(PICTURES, 1)
            same_s = float((sface @ sface.T)[pairs].min())
            same_d = float(np.linalg.norm(dlib[:, None] - dlib[None], axis=2)[pairs].max())
            if same_s < SFACE_SAME or same_d > DLIB_SAME:
                print(f"{n}: pictures of one person differ too much ({same_s:.2f}, {same_d:.2f})")
                continue
            mean_s, mean_d = sface.mean(axis=0), dlib.mean(axis=0)
            mean_s /= np.linalg.norm(mean_s)
            if any(mean_s @ s > SFACE_ALIKE or np.linalg.norm(mean_d - d) < DLIB_ALIKE for _, s, d in kept):
                print(f"{n}: looks like someone already there")
                continue
            kept.append(([encode_jpeg(p, 88) for p in pictures], mean_s, mean_d))
            print(f"{n}: person {len(kept)} ({same_s:.2f}, {same_d:.2f})", flush=True)
            if len(kept) == PEOPLE:
                break
    if len(kept) < PEOPLE:
        raise SystemExit(f"only {len(kept)} good people in {CANDIDATES} candidates")
    shutil.rmtree(out, ignore_errors=True)
    for n, (files, _, _) in enumerate(kept, 1):
        folder = out / f"p{n:02d}"
        folder.mkdir(parents=True)
        for m, data in enumerate(files, 1):
            (folder / f"{m}.jpg").write_bytes(data)
    print(f"{sum(f.stat().st_size for f in out.rglob('*.jpg')) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
