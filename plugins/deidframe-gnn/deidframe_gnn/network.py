"""The network: dense layers on an identity vector and a pose, up-convolutions to a 128x128 picture."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

PEOPLE = 200
"""Entries of the identity vector: people who do not exist."""
POSE = 4
"""Yaw, pitch, width and drop of the mouth, standardised."""
SIDE = 128
CHANNELS = (256, 192, 128, 96, 48, 24)
"""Features at 4, 8, 16, 32, 64 and 128 pixels."""


class Gnn(nn.Module):
    """From an identity and a pose to a face.

    Source: Meden et al., k-Same-Net, Entropy 20(1), 2018, after Dosovitskiy et al., Learning to generate chairs, CVPR 2015. Here
    up-sampling is by nearest neighbour before each convolution, which leaves no grid marks (Odena et al., Distill, 2016).
    """

    def __init__(self) -> None:
        super().__init__()
        self.identity = nn.Linear(PEOPLE, 384, bias=False)
        nn.init.normal_(self.identity.weight)  # a person is one entry: its whole vector must speak as loud as the pose
        self.pose = nn.Sequential(nn.Linear(POSE, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64))
        self.joined = nn.Linear(448, 512)
        self.spread = nn.Linear(512, CHANNELS[0] * 16)
        self.up = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(CHANNELS))
        self.picture = nn.Conv2d(CHANNELS[-1], 3, 3, padding=1)

    def forward(self, identity: torch.Tensor, pose: torch.Tensor) -> torch.Tensor:
        """Return `(N, 3, 128, 128)`, 0 to 1.

        Args:
            identity: `(N, 200)` weights of the proxies, summing to one.
            pose: `(N, 4)` standardised.
        """
        x = torch.cat([self.identity(identity), self.pose(pose)], dim=1)
        x = functional.leaky_relu(self.joined(functional.leaky_relu(x, 0.2)), 0.2)
        x = functional.leaky_relu(self.spread(x), 0.2).reshape(-1, CHANNELS[0], 4, 4)
        for layer in self.up:
            x = functional.leaky_relu(layer(functional.interpolate(x, scale_factor=2.0, mode="nearest")), 0.2)
        return torch.sigmoid(self.picture(x))
