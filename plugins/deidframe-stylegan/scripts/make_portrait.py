"""Measure what portraits have, for the bounds on colour, pose and expression, from the shards that `make_bank.py` left.

    python plugins/deidframe-stylegan/scripts/make_portrait.py --work /tmp/deidframe-bank

Three minutes. Colours are read off the proxy at 128 pixels, pose and expression off the landmarks of the bank's pictures.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

from deidframe.contract import Context
from deidframe_stylegan.bank import load_bank
from deidframe_stylegan.differentiable import TorchGenerator
from deidframe_stylegan.objective import colours
from deidframe_stylegan.portrait import PORTRAIT, poses

FACES = 1000
SIDE = 128
RIDGE = 20.0
SHRINK = 0.02
"""Share of the mean variance that is added to each, so that what never varied is no wall."""


def main() -> None:
    """Parse the options and write the file into the package."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "deidframe-bank")
    work: Path = options.parse_args().work
    parts = [np.load(path) for path in sorted(work.glob("*.npz"))]
    w, marks = (np.concatenate([part[key] for part in parts]).astype(np.float32) for key in ("w", "landmarks"))
    bank = load_bank("sface")
    q = np.linalg.lstsq(bank.basis.T, (w - bank.w_mean).T, rcond=None)[0].T
    found = poses(marks)
    z = (found - found.mean(axis=0)) / found.std(axis=0)
    pose_map = np.linalg.solve(q.T @ q + RIDGE * np.eye(q.shape[1]), q.T @ z)
    print("explained", 1 - ((q @ pose_map - z) ** 2).mean(axis=0))
    generator = TorchGenerator(Context(seed=0, scratch=work))
    rows = []
    with torch.inference_mode():
        for start in range(0, FACES, 4):
            rows.append(colours(generator(torch.from_numpy(w[start : start + 4]), SIDE)).numpy())
    seen = np.concatenate(rows)
    mean = seen.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((seen - mean).T))
    whiten = vectors / np.sqrt(values + SHRINK * values.mean())
    print("largest", np.sort((((seen - mean) @ whiten) ** 2).mean(axis=1))[[0, 500, 900, 990, -1]])
    arrays = {"colour_mean": mean, "colour_whiten": whiten, "pose_map": pose_map}
    np.savez_compressed(PORTRAIT, **{key: value.astype(np.float16) for key, value in arrays.items()})
    print(f"{PORTRAIT.stat().st_size / 1e3:.0f} KB")


if __name__ == "__main__":
    main()
