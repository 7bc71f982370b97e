"""How good a grouping is: tight, apart, of which sizes, and, where labels are, how right."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.measure.interval import Estimate, mean_by_person
from deidframe.measure.loss import sse

SAMPLE = 4000
"""Rows beyond which silhouettes and pairwise distances are estimated on a sample."""
MANY = 50_000
"""Rows beyond which distances are taken in single precision."""
SCORES = 2**24
"""Distances that are held at once, at most."""
SEED = 20260102
Array = NDArray[np.float64]


def seed_ssd_l2(vectors: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the original authors' later measure: plain distances over unordered pairs, divided by the group's size, summed.

    It is no sum of squares; the orderings by this and by the SSE can differ. Label -1 is in no group.
    """
    total = 0.0
    kept = np.flatnonzero(np.asarray(labels) >= 0)
    kept = kept[np.argsort(np.asarray(labels)[kept], kind="stable")]
    for part in np.split(kept, np.flatnonzero(np.diff(np.asarray(labels)[kept])) + 1):
        rows = np.asarray(vectors[part], np.float64)
        for start in range(0, len(rows), 1024):
            total += float(_distances(rows[start : start + 1024], rows).sum()) / 2 / len(rows)
    return total


def summary(vectors: NDArray[Any], labels: NDArray[Any]) -> dict[str, Any]:
    """Return every figure that needs no labels of people.

    Args:
        vectors: `(N, D)`.
        labels: `(N,)`, -1 for noise.

    Returns:
        groups, largest, smallest, noise_share, sse, seed_ssd_l2 and, with two groups or more, silhouette (a `Figure`; singletons
        count 0), within and between (mean pairwise distances).
    """
    sizes = np.bincount(labels[labels >= 0]) if (labels >= 0).any() else np.zeros(0, np.int64)
    sizes = sizes[sizes > 0]
    out: dict[str, Any] = {
        "groups": len(sizes),
        "largest": int(sizes.max(initial=0)),
        "smallest": int(sizes.min()) if len(sizes) else 0,
        "noise_share": float((labels < 0).mean()) if len(labels) else 0.0,
        "sse": sse(vectors, labels),
        "seed_ssd_l2": seed_ssd_l2(vectors, labels),
    }
    if len(sizes) > 1:
        silhouettes, within, between = _sampled(vectors, labels)
        out["silhouette"] = mean_by_person(silhouettes)
        if within is not None:
            out["within"] = within
        if between is not None:
            out["between"] = between
    return out


def _sampled(vectors: NDArray[Any], labels: NDArray[Any]) -> tuple[Array, float | None, float | None]:
    """Return the silhouette of each sampled row, and mean pairwise distances within and between groups.

    Source: P. Rousseeuw, Silhouettes, J. Comput. Appl. Math. 20, 1987.
    """
    rows = np.flatnonzero(labels >= 0)
    _, group = np.unique(labels[rows], return_inverse=True)
    sizes = np.bincount(group)
    order = np.argsort(group, kind="stable")
    table = np.asarray(vectors[rows[order]], np.float32 if len(rows) > MANY else np.float64)  # group after group
    group = group[order]
    starts = np.searchsorted(group, np.arange(len(sizes)))
    squares = (table**2).sum(axis=1)
    chosen = np.arange(len(rows))
    if len(rows) > SAMPLE:
        chosen = np.sort(np.random.default_rng(SEED).choice(len(rows), SAMPLE, replace=False))
    silhouettes = np.zeros(len(chosen))
    inside, inside_pairs, outside, outside_pairs = 0.0, 0, 0.0, 0
    step = int(np.clip(SCORES // len(rows), 1, 512))
    for start in range(0, len(chosen), step):
        part = chosen[start : start + step]
        sums = np.add.reduceat(_distances(table[part], table, squares), starts, axis=1, dtype=np.float64)
        own = group[part]
        at = np.arange(len(part))
        inside += float(sums[at, own].sum())
        inside_pairs += int((sizes[own] - 1).sum())
        outside += float(sums.sum() - sums[at, own].sum())
        outside_pairs += int((len(rows) - sizes[own]).sum())
        alone = sizes[own] == 1
        near = sums[at, own] / np.maximum(sizes[own] - 1, 1)
        means = sums / sizes
        means[at, own] = np.inf
        far = means.min(axis=1)
        with np.errstate(invalid="ignore"):
            value = (far - near) / np.maximum(np.maximum(far, near), 1e-300)
        silhouettes[start : start + step] = np.where(alone, 0.0, value)
    return silhouettes, inside / inside_pairs if inside_pairs else None, outside / outside_pairs if outside_pairs else None


def _distances(a: NDArray[Any], b: NDArray[Any], squares: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return Euclidean distances `(len(a), len(b))`; `squares` are the squared lengths of `b`, where they are known."""
    far = a @ b.T
    far *= -2
    far += (a**2).sum(axis=1)[:, None]
    far += (b**2).sum(axis=1) if squares is None else squares
    return np.asarray(np.sqrt(np.maximum(far, 0, out=far), out=far))


def against_labels(labels: NDArray[Any], people: list[str]) -> dict[str, float]:
    """Return pairwise precision, recall and F, and BCubed precision, recall and F, against who is on each picture.

    Noise (-1) counts as groups of one. Source: Amigo et al., A comparison of extrinsic clustering evaluation metrics, 2009.
    """
    n = len(people)
    if n == 0:
        return {}
    _, truth = np.unique(np.array(people), return_inverse=True)
    found = np.asarray(labels, np.int64).copy()
    noise = np.flatnonzero(found < 0)
    found[noise] = found.max(initial=-1) + 1 + np.arange(len(noise))
    _, found = np.unique(found, return_inverse=True)
    pairs, row, count = np.unique(found.astype(np.int64) * (truth.max() + 1) + truth, return_inverse=True, return_counts=True)
    del pairs
    in_found, in_truth = np.bincount(found), np.bincount(truth)

    def choose_two(sizes: NDArray[Any]) -> float:
        return float((sizes.astype(np.float64) * (sizes - 1) / 2).sum())

    together, same_found, same_truth = choose_two(count), choose_two(in_found), choose_two(in_truth)
    precision = together / same_found if same_found else 1.0
    recall = together / same_truth if same_truth else 1.0
    both = count[row]
    b_precision, b_recall = float((both / in_found[found]).mean()), float((both / in_truth[truth]).mean())
    return {
        "pairwise_precision": precision,
        "pairwise_recall": recall,
        "pairwise_f": _f(precision, recall),
        "bcubed_precision": b_precision,
        "bcubed_recall": b_recall,
        "bcubed_f": _f(b_precision, b_recall),
    }


def _f(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def as_metrics(found: dict[str, Any]) -> dict[str, Any]:
    """Return the figures as a record holds them."""
    return {name: value.as_dict() if isinstance(value, Estimate) else value for name, value in found.items() if value is not None}
