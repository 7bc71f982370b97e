"""What aiming minimises, in torch: distance to the group in every encoder, and how far the face leaves what portraits are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from deidframe.contract import TorchEncoder, align
from deidframe_stylegan.portrait import GRID, REGION, Portrait

NEARNESS = 5.0
"""Weight of the squared distance to the group's mean, in the first encoder."""
WIDE, WIDE_FROM = 12.0, 0.55
"""Weight and beginning of the bound on the root mean square of each layer's point in whitened W."""
APART = 10.0
"""Weight of how far the layers' points lie from their common one."""
COLOUR, COLOUR_FROM = 3.0, 0.75
"""Weight and beginning of the bound on colours; of faces of the bank half are below 0.42 and one in ten above 0.93."""
POSE, POSE_FROM = 0.1, 0.7
"""Weight and beginning, in standard deviations, of the bound on pose and expression."""
WISHED = 1.0
"""Weight of the squared distance to the wished age (over 100) and sex (as a probability)."""
ALIKE, ASUNDER = 0.5, 10.0
"""Cosine above which two surrogates look alike to the first encoder, and the weight of being so."""
CLAMP = 1.1
COARSE = 9
"""Affine maps whose points decide on pose: those up to 32 pixels."""


@dataclass(frozen=True)
class Goal:
    """What one encoder should see, for G groups.

    Args:
        encoder: for torch.
        mean: `(G, D)` of the members' unit encodings.
        spread: `(G,)` their mean squared distance to it.
        weight: of this encoder; the first has 1.
    """

    encoder: TorchEncoder
    mean: torch.Tensor
    spread: torch.Tensor
    weight: float


@dataclass(frozen=True)
class Wish:
    """What an encoder of apparent age and sex should say of G faces: `wanted` `(G, 4)`, as it gives them."""

    encoder: TorchEncoder
    wanted: torch.Tensor


@dataclass(frozen=True)
class Score:
    """Of G faces: `total` to minimise, and `ratio`, the weighted loss in units of the groups' own spread; both `(G,)`.

    `watched` is that ratio in the encoder that is not aimed by, `(G,)`, where there is one and it was asked.
    """

    total: torch.Tensor
    ratio: torch.Tensor
    watched: torch.Tensor | None = None


class Objective:
    """Rates faces against their groups.

    Args:
        goals: one for each encoder.
        portrait: bounds on colour and pose.
        frontal: hold the yaw near zero.
        wish: age and sex.
        away: `(M, D)` unit encodings, in the first encoder, of faces to stay away from.
        watched: what an encoder should see that is asked and not aimed by.
    """

    def __init__(
        self,
        goals: Sequence[Goal],
        portrait: Portrait,
        *,
        frontal: bool = False,
        wish: Wish | None = None,
        away: torch.Tensor | None = None,
        watched: Goal | None = None,
    ) -> None:
        device = goals[0].mean.device
        self.goals = tuple(goals)
        self._mean, self._whiten, self._pose = (
            torch.from_numpy(value).to(device) for value in (portrait.colour_mean, portrait.colour_whiten, portrait.pose_map)
        )
        self._frontal, self._wish, self._away, self._watched = frontal, wish, away, watched

    def encodings(self, pictures: torch.Tensor, cuts: Sequence[NDArray[Any]]) -> list[torch.Tensor]:
        """Return, for each goal, the `(G, D)` unit encodings of `(G, 3, S, S)` pictures cut as `plain` or `jittered` say."""
        return [functional.normalize(goal.encoder.run(cut_out(pictures, cuts, goal.encoder)), dim=1) for goal in self.goals]

    def __call__(
        self,
        pictures: torch.Tensor,
        cuts: Sequence[NDArray[Any]],
        points: torch.Tensor,
        apart: torch.Tensor,
        *,
        watch: bool = False,
    ) -> Score:
        """Rate G pictures; `points` `(G, 23, A)` are coordinates on W's axes, `apart` their distance from their mean.

        With `watch` the encoder that is not aimed by is asked, too.
        """
        seen = self.encodings(pictures, cuts)
        first = self.goals[0].spread
        total, ratio = torch.zeros_like(first), torch.zeros_like(first)
        weights = sum(goal.weight for goal in self.goals)
        for goal, encodings in zip(self.goals, seen, strict=True):
            row = (encodings - goal.mean).square().sum(1)
            # in units of its own spread each encoder says the same with one number
            total = total + NEARNESS * goal.weight * row * first / goal.spread
            ratio = ratio + goal.weight / weights * (1 + row / goal.spread)
        wide = functional.relu(points.square().mean(2).sqrt() - WIDE_FROM).square().mean(1)
        total = total + WIDE * wide + APART * apart.square().mean((1, 2))
        strange = ((colours(pictures) - self._mean) @ self._whiten).square().mean(1)
        total = total + COLOUR * functional.relu(strange - COLOUR_FROM)
        posed = points[:, :COARSE].mean(1) @ self._pose
        total = total + POSE * functional.relu(posed.abs() - POSE_FROM).square().sum(1)
        if self._frontal:
            total = total + POSE * posed[:, 0].square()
        if self._wish is not None:
            total = total + WISHED * (self._said(pictures, cuts) - self._wish.wanted).square().sum(1)
        if self._away is not None:
            near = functional.relu(seen[0] @ self._away.T - ALIKE)
            total = total + ASUNDER * near.square().sum(1)
        return Score(total, ratio, self._asked(pictures, cuts) if watch else None)

    def _asked(self, pictures: torch.Tensor, cuts: Sequence[NDArray[Any]]) -> torch.Tensor | None:
        if self._watched is None:
            return None
        goal = self._watched
        with torch.no_grad():
            seen = functional.normalize(goal.encoder.run(cut_out(pictures, cuts, goal.encoder)), dim=1)
            return 1 + (seen - goal.mean).square().sum(1) / goal.spread

    def _said(self, pictures: torch.Tensor, cuts: Sequence[NDArray[Any]]) -> torch.Tensor:
        assert self._wish is not None
        return torch.as_tensor(self._wish.encoder.run(cut_out(pictures, cuts, self._wish.encoder)))


def colours(pictures: torch.Tensor) -> torch.Tensor:
    """Return the mean colours of a grid over the face region, `(G, 3 * 36)`, of `(G, 3, S, S)` pictures."""
    side = pictures.shape[-1]
    left, right, top, bottom = (round(edge * side) for edge in REGION)
    region = pictures[:, :, top:bottom, left:right].clamp(-CLAMP, CLAMP)
    if pictures.device.type == "cpu":
        return functional.adaptive_avg_pool2d(region, GRID).flatten(1)
    # on a GPU, torch's way back of this sums in an order that changes; products do not
    down, across = (torch.from_numpy(cells(length)).to(pictures.device) for length in region.shape[2:])
    return (down @ region @ across.T).flatten(1)


def cells(length: int) -> NDArray[np.float32]:
    """Return `(GRID, length)`: what each cell's mean takes from each pixel."""
    rows = np.zeros((GRID, length), np.float32)
    for n in range(GRID):
        low, high = n * length // GRID, -(-(n + 1) * length // GRID)
        rows[n, low:high] = 1 / (high - low)
    return rows


def cut_out(pictures: torch.Tensor, cut: Sequence[NDArray[Any]], encoder: TorchEncoder) -> torch.Tensor:
    """Return the faces as the encoder wants them, `(G, 3, H, W)`, 0 to 255.

    Args:
        pictures: `(G, 3, S, S)`.
        cut: for each, `(6, 2)`: five landmarks in its pixels, then 1 to mirror it, and 0.
    """
    side, (height, width) = pictures.shape[-1], encoder.shape
    square = np.repeat(np.eye(3)[None], len(cut), axis=0)
    for row, one in zip(square, cut, strict=True):
        row[:2] = align.similarity(one[:5], encoder.template)
    # from chip pixels to picture pixels: the very inverse of what encoders warp by
    full = np.linalg.inv(square)
    mirrored = np.array([bool(one[5, 0]) for one in cut])
    full[mirrored] = full[mirrored] @ np.array([[-1.0, 0, width - 1.0], [0, 1, 0], [0, 0, 1]])
    # grid_sample wants normalised coordinates with pixel centres at (2 i + 1) / S - 1
    chip = np.array([[width / 2, 0, width / 2 - 0.5], [0, height / 2, height / 2 - 0.5], [0, 0, 1]])
    to_unit = np.array([[2 / side, 0, 1 / side - 1], [0, 2 / side, 1 / side - 1]])
    theta = torch.from_numpy((to_unit @ full @ chip).astype(np.float32)).to(pictures.device)
    grid = functional.affine_grid(theta, [len(cut), 3, height, width], align_corners=False)
    sample = _sampled if pictures.device.type == "cpu" else sampled_in_order
    return (sample(pictures.clamp(-CLAMP, CLAMP), grid) + 1) * 127.5


def _sampled(pictures: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def sampled_in_order(pictures: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Return what `grid_sample` does (bilinear, the edge repeated) so that the way back, on a GPU, sums in one order.

    Args:
        pictures: `(G, C, S, S)`.
        grid: `(G, H, W, 2)` coordinates, x first, -1 to 1 at the outer edges of the pixels.
    """
    count, channels, side, _ = pictures.shape
    at = ((grid + 1) * (side / 2) - 0.5).clamp(0, side - 1)
    low = at.detach().floor().clamp(max=side - 2)
    share, corner = at - low, low.long()
    first = torch.arange(count, device=pictures.device)[:, None, None] * (side * side)
    places, weights = [], []
    for down in (0, 1):
        for right in (0, 1):
            places.append(first + (corner[..., 1] + down) * side + corner[..., 0] + right)
            x, y = (share[..., n] if step else 1 - share[..., n] for n, step in ((0, right), (1, down)))
            weights.append(x * y)
    rows = pictures.permute(0, 2, 3, 1).reshape(-1, channels)
    taken = rows.index_select(0, torch.stack(places).flatten()).reshape(4, *grid.shape[:3], channels)
    return (taken * torch.stack(weights)[..., None]).sum(0).permute(0, 3, 1, 2)


def jittered(marks: NDArray[Any], shift: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return landmarks as another detector might give them: turned (sd 0.03 rad), scaled, shifted; half of them mirrored."""
    centre = marks.mean(axis=0)
    angle, scale = rng.normal(0, 0.03), 1 + rng.normal(0, 0.02)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (marks - centre) @ turn.T + centre + rng.normal(0, shift, 2)
    return np.vstack([moved, [float(rng.random() < 0.5), 0.0]])


def plain(marks: NDArray[Any]) -> NDArray[np.float64]:
    """Return landmarks as they are, not mirrored."""
    return np.vstack([np.asarray(marks, np.float64), [0.0, 0.0]])
