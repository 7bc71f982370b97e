"""A small network that leads encodings of protected pictures to those of the originals: one hidden layer beside the identity.

Trained to tell each original from the other people's in its batch (van den Oord, Li, Vinyals, Representation learning with
contrastive predictive coding, 2018, equation 4), with dropout (Srivastava et al., JMLR 15, 2014), by Adam with decoupled weight
decay (Loshchilov, Hutter, ICLR 2019). In numpy, since it is small: no library's random numbers or threads can change it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deidframe_reid.views import Vectors, unit

HIDDEN, STEPS, BATCH = 128, 200, 128
RATE, DECAY, DROP, TEMPERATURE = 1e-3, 1e-2, 0.2, 0.07
SEED = 20260107
Weights = list[NDArray[np.float32]]


@dataclass(frozen=True)
class Head:
    """x -> x + relu(x W1 + b1) W2 + b2.

    Args:
        weights: W1 `(D, H)`, b1 `(H,)`, W2 `(H, D)`, b2 `(D,)`.
    """

    weights: Weights

    def __call__(self, vectors: Vectors) -> Vectors:
        """Return changed encodings, `(N, D)`, not of unit length."""
        first, bias, second, shift = self.weights
        return np.asarray(vectors + np.maximum(vectors @ first + bias, 0) @ second + shift, np.float32)


def trained(released: Vectors, clear: Vectors, person: NDArray[np.int64]) -> Head:
    """Return the head that leads released encodings to their originals'.

    Args:
        released, clear: `(M, D)` unit encodings of protected pictures and of their originals.
        person: `(M,)` who is on them; pictures of one person are never each other's counterexamples.
    """
    rng = np.random.default_rng(SEED)
    size = released.shape[1]

    def uniform(rows: int, columns: int, scale: float) -> NDArray[np.float32]:
        bound = scale / np.sqrt(rows)
        return rng.uniform(-bound, bound, (rows, columns)).astype(np.float32)

    weights: Weights = [
        uniform(size, HIDDEN, 1),
        np.zeros(HIDDEN, np.float32),
        uniform(HIDDEN, size, 0.1),
        np.zeros(size, np.float32),
    ]
    first, second = ([np.zeros_like(one) for one in weights] for _ in range(2))
    for step in range(1, STEPS + 1):
        rows = rng.integers(0, len(released), BATCH)
        masks = tuple((rng.random((BATCH, width)) >= DROP).astype(np.float32) / (1 - DROP) for width in (size, HIDDEN))
        _, slopes = loss_and_slopes(weights, released[rows], clear[rows], person[rows], masks)
        for n, slope in enumerate(slopes):
            first[n] += 0.1 * (slope - first[n])
            second[n] += 0.001 * (slope**2 - second[n])
            moved = (first[n] / (1 - 0.9**step)) / (np.sqrt(second[n] / (1 - 0.999**step)) + 1e-8)
            weights[n] -= (RATE * (moved + DECAY * weights[n])).astype(np.float32)
    return Head(weights)


def loss_and_slopes(
    weights: Weights, x: Vectors, y: Vectors, person: NDArray[np.int64], masks: tuple[NDArray[np.float32], ...]
) -> tuple[float, Weights]:
    """Return the contrastive loss of a batch and its gradient in the weights.

    Args:
        x, y: `(B, D)` released and clear.
        person: `(B,)`.
        masks: what dropout leaves of the input `(B, D)` and of the hidden layer `(B, H)`, scaled.
    """
    w1, b1, w2, b2 = weights
    shown = x * masks[0]
    before = shown @ w1 + b1
    hidden = np.maximum(before, 0) * masks[1]
    out = x + hidden @ w2 + b2
    length = np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
    z = out / length
    scores = z @ unit(y).T / TEMPERATURE
    same = person[:, None] == person[None]
    np.fill_diagonal(same, False)
    scores[same] = -1e4
    scores -= scores.max(axis=1, keepdims=True)
    shares = np.exp(scores)
    shares /= shares.sum(axis=1, keepdims=True)
    right = np.arange(len(x))
    loss = float(-np.log(np.maximum(shares[right, right], 1e-30)).mean())
    shares[right, right] -= 1
    into = shares @ unit(y) / (TEMPERATURE * len(x))
    into = (into - z * (z * into).sum(axis=1, keepdims=True)) / length
    back = (into @ w2.T) * masks[1] * (before > 0)
    slopes = [shown.T @ back, back.sum(axis=0), hidden.T @ into, into.sum(axis=0)]
    return loss, [slope.astype(np.float32) for slope in slopes]
