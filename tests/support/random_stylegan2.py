"""A small StyleGAN2 generator with random weights, for tests that need a checkpoint and no faces."""

from __future__ import annotations

import numpy as np
import torch


def random_state(side: int = 32, channels: int = 8, depth: int = 2) -> dict[str, torch.Tensor]:
    """A generator in rosinality's layout with random weights."""
    made = torch.Generator().manual_seed(3)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=made)

    levels = int(np.log2(side)) - 2
    state = {"input.input": draw(1, channels, 4, 4)}
    for n in range(1, depth + 1):
        state |= {f"style.{n}.weight": draw(512, 512) * 100, f"style.{n}.bias": draw(512)}
    for name in ("conv1", *(f"convs.{n}" for n in range(2 * levels))):
        state |= {f"{name}.conv.weight": draw(1, channels, channels, 3, 3), f"{name}.conv.modulation.weight": draw(channels, 512)}
        state |= {f"{name}.conv.modulation.bias": torch.ones(channels), f"{name}.noise.weight": draw(1) * 0.1}
        state |= {f"{name}.activate.bias": draw(channels) * 0.1}
    for name in ("to_rgb1", *(f"to_rgbs.{n}" for n in range(levels))):
        state |= {f"{name}.conv.weight": draw(1, 3, channels, 1, 1) * 0.3, f"{name}.conv.modulation.weight": draw(channels, 512)}
        state |= {f"{name}.conv.modulation.bias": torch.ones(channels), f"{name}.bias": draw(1, 3, 1, 1) * 0.1}
    for n in range(2 * levels + 1):
        size = 4 * 2 ** ((n + 1) // 2)
        state[f"noises.noise_{n}"] = draw(1, 1, size, size)
    return state
