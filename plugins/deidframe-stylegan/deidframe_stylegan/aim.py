"""Move a start towards its group: Adam on W+ through the proxy, in stages of one resolution each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from deidframe.models import reproducible_torch
from deidframe_stylegan.objective import Objective, jittered, plain

Array = NDArray[np.float32]
Finder = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From `(G, S, S, 3)` pictures to `(G, 5, 2)` landmarks, NaN where no face is found."""
LOOK_AGAIN = 10
"""Steps after which landmarks are found afresh."""
PATIENCE = 12
"""Steps without a gain of `PAYS` after which a stage ends."""
BETAS = (0.6, 0.95)
"""Of Adam: it goes some forty steps only, in which longer memories never get going."""
PAYS = 0.005
"""Share of the loss that is worth going on for."""
JITTERED = 12
"""Steps of a stage from which on plain and jittered cuts take turns; a shorter one has no time to exploit a single cut."""


class Followed(Protocol):
    """A generator through which gradients are followed: W+ with `styles` points, to `(G, 3, side, side)`, -1 to 1."""

    styles: int

    def __call__(self, w: torch.Tensor, side: int, /) -> torch.Tensor:
        """Return pictures of `(G, styles, 512)` points of W."""
        ...


@dataclass(frozen=True)
class Stage:
    """Steps at one resolution.

    Args:
        side: pixels of the proxy.
        steps: at most.
        rate, last_rate: of Adam, first and last; it falls by a cosine.
    """

    side: int
    steps: int
    rate: float
    last_rate: float


STAGES: dict[str, tuple[Stage, ...]] = {
    "quick": (Stage(128, 4, 0.08, 0.04),),
    "good": (Stage(128, 8, 0.08, 0.04), Stage(256, 5, 0.04, 0.01)),
    "best": (Stage(128, 36, 0.12, 0.02), Stage(256, 12, 0.03, 0.01)),
    "utmost": (Stage(128, 72, 0.12, 0.02), Stage(256, 24, 0.03, 0.01)),
}
"""What is done for a group by the effort that is asked for."""


def stages_of(effort: str, steps: int | None) -> tuple[Stage, ...]:
    """Return the stages of an effort, or of so many steps at 128 pixels and a third of it at 256."""
    if steps is None:
        return STAGES[effort]
    first, second = STAGES["best"]
    return replace(first, steps=steps), replace(second, steps=max(1, steps // 3))


@dataclass
class Aimed:
    """Where G starts ended.

    Args:
        points: `(G, 23, A)` coordinates on W's axes, of the best step.
        curve: mean total loss of each step.
        ratio: `(G,)` the weighted loss in units of the group's spread, as the proxy sees it, of the best step.
        began: `(G,)` the same of the start.
        seconds: taken.
    """

    points: Array
    curve: list[float] = field(default_factory=list)
    ratio: Array = field(default_factory=lambda: np.zeros(0, np.float32))
    began: Array | None = None
    seconds: float = 0.0


def aim(
    generator: Followed,
    objective: Objective,
    basis: Array,
    w_mean: Array,
    start: Array,
    find: Finder,
    rngs: Sequence[np.random.Generator],
    stages: Sequence[Stage] = STAGES["best"],
) -> Aimed:
    """Return the best points met on the way from the start.

    Args:
        generator, objective: on one device.
        basis: `(A, 512)` axes of W, scaled.
        w_mean: `(512,)`.
        start: `(G, A)`.
        find: landmarks.
        rngs: G of them, of the jitter: what a group gets does not depend on who is beside it.
        stages: one after another.
    """
    began = time.perf_counter()
    device = objective.goals[0].mean.device
    axes, middle = torch.from_numpy(basis).to(device), torch.from_numpy(w_mean).to(device)
    common = torch.from_numpy(np.array(start, np.float32)).to(device).requires_grad_()
    own = torch.zeros(len(start), generator.styles, start.shape[1], device=device, requires_grad=True)
    best = Aimed(
        np.repeat(np.asarray(start, np.float32)[:, None], generator.styles, axis=1), ratio=np.full(len(start), np.inf, np.float32)
    )
    with reproducible_torch():
        for stage in stages:
            last = stage is stages[-1]
            _run_stage(generator, objective, axes, middle, common, own, find, rngs, stage, best, last=last)
    best.seconds = time.perf_counter() - began
    return best


def _run_stage(
    generator: Followed,
    objective: Objective,
    axes: torch.Tensor,
    middle: torch.Tensor,
    common: torch.Tensor,
    own: torch.Tensor,
    find: Finder,
    rngs: Sequence[np.random.Generator],
    stage: Stage,
    best: Aimed,
    *,
    last: bool,
) -> None:
    """Take the steps of a stage; after the last one of all it is seen where it led, at the price of the way there alone."""
    adam = torch.optim.Adam([common, own], betas=BETAS)
    marks: NDArray[np.float32] | None = None
    lowest = np.full(len(common), np.inf, np.float32)  # another resolution has another scale: the best is sought anew
    paid, reached = np.zeros(len(common), np.int64), np.full(len(common), np.inf, np.float32)
    going = np.ones(len(common), bool)
    for step in range(stage.steps + last):
        ends, straight = step == stage.steps, stage.steps < JITTERED or step % 2 == 1 or step == stage.steps
        share = (1 + np.cos(np.pi * step / max(stage.steps - 1, 1))) / 2
        rate = stage.last_rate + (stage.rate - stage.last_rate) * share
        adam.param_groups[0]["lr"] = rate
        adam.zero_grad(set_to_none=True)
        with torch.set_grad_enabled(not ends):
            points = common[:, None] + own
            pictures = generator(middle + points @ axes, stage.side)
            if step % LOOK_AGAIN == 0:
                marks = _marks(find, pictures, marks)
            assert marks is not None
            # plain and jittered cuts take turns: as good as both in every step, at half the price
            cuts = [
                jittered(one, stage.side / 128, rng) if goes and not straight else plain(one)
                for one, rng, goes in zip(marks, rngs, going.tolist(), strict=True)
            ]
            score = objective(pictures, cuts, points, own, watch=straight)
        total = score.total.detach().cpu().numpy()
        if best.began is None:
            best.began = score.ratio.detach().cpu().numpy()
        # plain steps only are compared with each other: a jittered cut is another measure
        better = (total < lowest) & straight & going
        lowest = np.where(better, total, lowest)
        best.points[better] = points.detach().cpu().numpy()[better]
        best.ratio = np.where(better, score.ratio.detach().cpu().numpy(), best.ratio).astype(np.float32)
        best.curve.append(float(total.mean()))
        if ends:
            break
        score.total.sum().backward()  # type: ignore[no-untyped-call]
        ended = torch.from_numpy(~going).to(common.device)
        held = common.detach()[ended], own.detach()[ended]
        adam.step()
        with torch.no_grad():  # as if they had been alone
            common[ended], own[ended] = held
        if straight:
            said = lowest if score.watched is None else score.watched.cpu().numpy()
            gained = said < reached * (1 - PAYS)
            paid[gained], reached[gained] = step, said[gained]
        # a group that has ended stands still until the last one has
        going &= step - paid < PATIENCE
        if not going.any():
            break


def _marks(find: Finder, pictures: torch.Tensor, before: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Return landmarks in the pictures' pixels; where no face is found those before, at first the usual ones."""
    pixels = ((pictures.detach().permute(0, 2, 3, 1).clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).cpu().numpy()
    found = find(pixels)
    missed = np.flatnonzero(np.isnan(found.reshape(len(found), -1)).any(axis=1))
    if len(missed):
        from deidframe.contract import align

        usual = np.repeat(align.template(pictures.shape[-1])[None], len(found), axis=0) if before is None else before
        found = found.copy()
        found[missed] = usual[missed]
    return found.astype(np.float32)
