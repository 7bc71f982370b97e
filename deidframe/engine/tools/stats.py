"""Statistics on a condensed data set, before anything is synthesised: how it is spread, and who is near whom."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import Embeddings
from deidframe.measure.grouping import summary

SAMPLE = 3000
"""Rows on which distances are measured."""
SEED = 20261128


def statistics(encodings: Embeddings) -> dict[str, Any]:
    """Return the figures that need no clusterer.

    Returns:
        rows, dimensions, space, people; norm (least, mean, most); copies (rows that equal an earlier one); components_90
        (principal components that hold 90 % of the variance); nearest (quartiles of the cosine distance to the nearest other
        row) and, where people are known, own and other (mean cosine of two pictures of one person, of two people), and what
        `summary` says of people as groups.
    """
    vectors = encodings.vectors
    norm = np.linalg.norm(vectors.astype(np.float64), axis=1)
    out: dict[str, Any] = {
        "rows": len(encodings),
        "dimensions": int(vectors.shape[1]),
        "space": encodings.space,
        "norm": [float(norm.min()), float(norm.mean()), float(norm.max())],
        "copies": len(vectors) - len(np.unique(vectors, axis=0)),
    }
    rows = _sample(len(vectors))
    unit = vectors[rows].astype(np.float64)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    out["components_90"] = _components(unit)
    alike = unit @ unit.T
    away = 1 - alike
    np.fill_diagonal(away, np.inf)
    if len(rows) > 1:
        out["nearest"] = [float(one) for one in np.quantile(away.min(axis=1), (0.25, 0.5, 0.75))]
    if encodings.subjects is not None:
        names, person = np.unique(np.array(encodings.subjects), return_inverse=True)
        out["people"] = len(names)
        same = person[rows][:, None] == person[rows][None]
        np.fill_diagonal(same, False)
        upper = np.triu(np.ones_like(same), 1).astype(bool)
        for name, chosen in (("own", same & upper), ("other", ~same & upper)):
            if chosen.any():
                out[name] = float(alike[chosen].mean())
        out["people_as_groups"] = {key: _plain(value) for key, value in summary(vectors, person.astype(np.int64)).items()}
    return out


def _sample(count: int) -> NDArray[np.int64]:
    if count <= SAMPLE:
        return np.arange(count)
    return np.sort(np.random.default_rng(SEED).choice(count, SAMPLE, replace=False))


def _components(unit: NDArray[np.float64]) -> int:
    """Return how many principal components hold 90 % of the variance."""
    spread = np.linalg.svd(unit - unit.mean(axis=0), compute_uv=False) ** 2
    total = float(spread.sum())
    return int(np.searchsorted(np.cumsum(spread), 0.9 * total) + 1) if total > 0 else 0


def _plain(value: Any) -> Any:
    return value.value if hasattr(value, "value") else value
