"""Train the network on what `make_proxies.py` made, and export it for OpenVINO.

    python plugins/deidframe-gnn/scripts/train.py --work DIR --minutes 28

A checkpoint is written every few minutes; the same command goes on from it. The loss is drawn into `DIR/loss.png`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from deidframe.models import import_openvino, reproducible_torch
from deidframe_gnn.network import PEOPLE, POSE, SIDE, Gnn
from deidframe_gnn.surrogate import WEIGHTS

SEED = 11
BATCH = 8
RATE, LAST_RATE = 1.5e-3, 5e-5
HELD_OUT = 100
"""Pictures that are never trained on, mostly mixtures and people in other poses."""
KEEP_EVERY = 180.0
"""Seconds between checkpoints."""


@reproducible_torch()
def main() -> None:
    """Parse the options, train, and write the network into the package."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "deidframe-gnn")
    options.add_argument("--minutes", type=float, default=60.0, help="of training in all, earlier runs counted")
    options.add_argument("--out", type=Path, default=WEIGHTS)
    chosen = options.parse_args()
    data = Data(chosen.work)
    model, curve = train(data, chosen.work / "checkpoint.pt", chosen.minutes * 60)
    draw(curve, chosen.work / "loss.png")
    export(model, data, chosen.out)


class Data:
    """All pictures in memory, as bytes: `pictures` `(N, 3, 128, 128)`, `identities` `(N, 200)`, `poses` `(N, 4)` standardised.

    Raises:
        SystemExit: there are no shards.
    """

    def __init__(self, work: Path) -> None:
        parts = [np.load(path) for path in sorted(work.glob("[0-9]*.npz"))]
        if not parts:
            raise SystemExit(f"no pictures in {work}; make them with make_proxies.py --work {work}")
        pictures, identities, found = (np.concatenate([p[key] for p in parts]) for key in ("pictures", "identities", "poses"))
        self.pose_mean, self.pose_sd = found.mean(axis=0), found.std(axis=0)
        self.pictures = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
        self.identities = torch.from_numpy(identities)
        self.poses = torch.from_numpy(((found - self.pose_mean) / self.pose_sd).astype(np.float32))

    def batch(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return identities, poses and pictures (0 to 1)."""
        at = torch.from_numpy(rows)
        return self.identities[at], self.poses[at], self.pictures[at].float() / 255


def loss_of(made: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the mean absolute error over a Laplacian pyramid, so that edges weigh as much as areas.

    Source: Bojanowski et al., Optimizing the latent space of generative networks, ICML 2018 (Lap-1).
    """
    total = torch.zeros(())
    for level in range(4):
        small, small_wanted = functional.avg_pool2d(made, 2), functional.avg_pool2d(wanted, 2)
        detail = made - functional.interpolate(small, scale_factor=2.0, mode="bilinear", align_corners=False)
        wanted_detail = wanted - functional.interpolate(small_wanted, scale_factor=2.0, mode="bilinear", align_corners=False)
        total = total + (detail - wanted_detail).abs().mean() * 2 ** (1 - level * 0.5)
        made, wanted = small, small_wanted
    return total + (made - wanted).abs().mean()


def train(data: Data, checkpoint: Path, seconds: float) -> tuple[Gnn, list[dict[str, float]]]:
    """Train until so many seconds have gone into it, over all runs."""
    torch.manual_seed(SEED)
    model = Gnn().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    adam = torch.optim.Adam(model.parameters(), lr=RATE, betas=(0.9, 0.99))
    curve: list[dict[str, float]] = []
    spent, step = 0.0, 0
    if checkpoint.exists():
        held = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(held["model"])
        adam.load_state_dict(held["adam"])
        curve, spent, step = json.loads(held["curve"]), held["spent"], held["step"]
        print(f"going on from step {step}, {spent / 60:.1f} minutes", flush=True)
    rows = np.random.default_rng(SEED).permutation(len(data.pictures))
    held_out, rest = rows[:HELD_OUT], rows[HELD_OUT:]
    order = np.zeros(0, np.int64)
    began, kept, sums = time.monotonic() - spent, time.monotonic(), []
    while spent < seconds:
        if len(order) < BATCH:
            order = np.random.default_rng((SEED, step)).permutation(rest)
        part, order = order[:BATCH], order[BATCH:]
        share = spent / seconds
        for group in adam.param_groups:
            group["lr"] = float(LAST_RATE + (RATE - LAST_RATE) * (1 + np.cos(np.pi * share)) / 2)
        identities, pose, wanted = data.batch(part)
        loss = loss_of(model(identities, pose), wanted)
        adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        step, spent = step + 1, time.monotonic() - began
        sums.append(float(loss.detach()))
        if step % 200 == 0:
            with torch.inference_mode():
                identities, pose, wanted = data.batch(held_out)
                unseen = float(loss_of(model(identities, pose), wanted))
            curve.append({"step": step, "minutes": spent / 60, "loss": float(np.mean(sums)), "held out": unseen})
            print(
                f"step {step}, {spent / 60:5.1f} of {seconds / 60:.0f} minutes, loss {np.mean(sums):.4f}, held out {unseen:.4f}",
                flush=True,
            )
            sums = []
        if time.monotonic() - kept > KEEP_EVERY or spent >= seconds:
            kept = time.monotonic()
            state: dict[str, Any] = {"model": model.state_dict(), "adam": adam.state_dict()}
            state |= {"curve": json.dumps(curve), "spent": spent, "step": step}
            part_path = checkpoint.with_suffix(".part")
            torch.save(state, part_path)
            part_path.replace(checkpoint)
    return model, curve


def draw(curve: list[dict[str, float]], path: Path) -> None:
    """Draw the loss against minutes."""
    from deidframe.report.figure import pyplot

    _, plt = pyplot()

    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for name in ("loss", "held out"):
        axes.plot([c["minutes"] for c in curve], [c[name] for c in curve], label=name)
    axes.set_xlabel("minutes")
    axes.set_ylabel("Laplacian pyramid loss")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def export(model: Gnn, data: Data, path: Path) -> None:
    """Write the network as OpenVINO's IR with half-precision weights."""
    openvino = import_openvino()
    model.eval()
    example = (torch.zeros(1, PEOPLE), torch.zeros(1, POSE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # OpenVINO traces by a way that torch calls old
        graph = openvino.convert_model(model, example_input=example, input=[[-1, PEOPLE], [-1, POSE]])
    openvino.save_model(graph, str(path), compress_to_fp16=True)

    size = path.with_suffix(".bin").stat().st_size
    print(f"{path}: {size / 1e6:.1f} MB, {SIDE}x{SIDE}")


if __name__ == "__main__":
    main()
