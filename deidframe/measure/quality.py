"""How good surrogates are as pictures and as stand-ins: matched share, features, sharpness, distinctness, attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.measure.interval import NORMAL, Estimate

FAR = 1e-3
"""False accept rate at which a matcher's threshold is set."""
PAIRS = 400_000
SUBSET, LARGE = 4_000, 50_000
"""Rows of a set that are compared pair by pair, and otherwise, at most."""
CHUNK = 2_500_000
"""Numbers gathered at once, 20 MB."""
SEED = 0
MAJORITY = 0.8
"""Share of a group that makes a clear majority: four of five."""
Array = NDArray[np.float64]


def threshold(vectors: NDArray[Any], people: list[str], far: float = FAR) -> float | None:
    """Return the distance below which a share `far` of pairs of different people lie.

    Args:
        vectors: `(N, D)` unit encodings of clear faces.
        people: of each.
        far: above 0, below 1.

    Returns:
        None where no two people are there; beyond 400,000 pairs a seeded sample of them is looked at.
    """
    n = len(vectors)
    rng = np.random.default_rng(SEED)
    if n * (n - 1) // 2 <= PAIRS:
        a, b = np.triu_indices(n, 1)
    else:
        a, b = rng.integers(0, n, PAIRS), rng.integers(0, n, PAIRS)
    who = np.unique(np.array(people), return_inverse=True)[1] if n else np.zeros(0, np.int64)
    other = who[a] != who[b]
    if not other.any():
        return None
    first, second, rows = a[other], b[other], max(1, CHUNK // vectors.shape[1])
    parts = [(first[s : s + rows], second[s : s + rows]) for s in range(0, len(first), rows)]
    apart = np.concatenate([np.linalg.norm(vectors[p].astype(np.float64) - vectors[q], axis=1) for p, q in parts])
    return float(np.quantile(apart, far))


def frechet_distance(a: NDArray[Any], b: NDArray[Any]) -> float | None:
    """Return the Frechet distance of two sets of features, each taken for a Gaussian.

    Source: Heusel et al., GANs trained by a two time-scale update rule, NeurIPS 2017, eq. 6. It grows as sets get smaller:
    compare only sets of one size. Of large sets 50,000 rows each, evenly taken, are compared.

    Args:
        a, b: `(N, D)` and `(M, D)`, at least two rows each; else None.
    """
    if len(a) < 2 or len(b) < 2:
        return None
    x, y = _some(a), _some(b)
    means = float(((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum())
    # with covariances A'A and B'B the trace of the root of their product is the sum of the singular values of AB'
    first, second = _root(x), _root(y)
    cross = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    return max(0.0, means + float((first**2).sum() + (second**2).sum() - 2 * cross))


def _some(rows: NDArray[Any], most: int = LARGE) -> Array:
    """Return at most so many rows, evenly taken, in double precision."""
    return np.asarray(_evenly(rows, most), np.float64)


def _root(x: Array) -> Array:
    """Return a matrix of at most D rows whose square is the covariance."""
    centred = (x - x.mean(axis=0)) / np.sqrt(len(x) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r")) if len(x) > x.shape[1] else centred


def kernel_distance(
    a: NDArray[Any], b: NDArray[Any], units: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
) -> Estimate | None:
    """Return the unbiased squared MMD of two sets of features under the cubic kernel; about 0 for sets alike, sometimes below.

    Source: Binkowski et al., Demystifying MMD GANs, ICLR 2018 (KID); the interval by the jackknife over units (Efron, Stein, Ann.
    Stat. 9(3), 1981). Of large sets 4,000 rows each, evenly taken, are compared.

    Args:
        a, b: `(N, D)` and `(M, D)`, at least two rows each; else None.
        units: `(N,)` and `(M,)` what each row hangs together with, in both sets, a person or a group; None for every row alone.
    """
    if len(a) < 2 or len(b) < 2:
        return None
    x, y = _some(a, SUBSET), _some(b, SUBSET)
    d = x.shape[1]

    def kernel(u: Array, v: Array) -> Array:
        return np.asarray((u @ v.T / d + 1) ** 3)

    first, second = (np.arange(len(a)), len(a) + np.arange(len(b))) if units is None else units
    both = np.unique(np.concatenate([_evenly(first, SUBSET), _evenly(second, SUBSET)]), return_inverse=True)[1]
    of_x, of_y = both[: len(x)], both[len(x) :]
    count = int(both.max()) + 1
    own_x, cross, own_y = kernel(x, x), kernel(x, y), kernel(y, y)
    np.fill_diagonal(own_x, 0)
    np.fill_diagonal(own_y, 0)
    parts = [_blocks(own_x, of_x, of_x, count), _blocks(own_y, of_y, of_y, count), _blocks(cross, of_x, of_y, count)]
    n, m = np.bincount(of_x, minlength=count), np.bincount(of_y, minlength=count)

    def distance(sums: Sequence[Any], left_x: Any, left_y: Any) -> Any:
        return sums[0] / (left_x * (left_x - 1)) + sums[1] / (left_y * (left_y - 1)) - 2 * sums[2] / (left_x * left_y)

    totals = [rows.sum() for rows, _, _ in parts]
    value = float(distance(totals, len(x), len(y)))
    left = [total - rows - columns + inner for total, (rows, columns, inner) in zip(totals, parts, strict=True)]
    usable = (len(x) - n > 1) & (len(y) - m > 1)
    if count < 2 or not usable.all():
        return Estimate(value, value, value, count)
    without = distance(left, len(x) - n, len(y) - m)
    reach = float(NORMAL * np.sqrt((count - 1) / count * np.square(without - without.mean()).sum()))
    return Estimate(value, value - reach, value + reach, count)


def _blocks(table: Array, of_rows: NDArray[np.int64], of_columns: NDArray[np.int64], count: int) -> tuple[Array, Array, Array]:
    """Return, for each unit, the sums of its rows, of its columns, and of what lies in both."""
    rows: Array = np.bincount(of_rows, table.sum(axis=1), minlength=count).astype(np.float64)
    columns: Array = np.bincount(of_columns, table.sum(axis=0), minlength=count).astype(np.float64)
    inner = np.zeros(count)
    places, others = _places(of_rows, count), _places(of_columns, count)
    for unit in np.intersect1d(of_rows, of_columns).tolist():
        inner[unit] = table[np.ix_(places[unit], others[unit])].sum()
    return rows, columns, inner


def _places(of: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    order = np.argsort(of, kind="stable")
    return np.split(order, np.searchsorted(of[order], np.arange(1, count)))


def _evenly(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)] if len(rows) > most else rows


def sharpness(picture: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian of the grey picture, in squared grey levels of 255.

    Source: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000.
    """
    grey = np.asarray(picture, np.float64) @ np.array([0.299, 0.587, 0.114])
    centre = grey[1:-1, 1:-1]
    return float((grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * centre).var())


def least_distance(vectors: NDArray[Any]) -> float | None:
    """Return the smallest distance of two rows, None with fewer than two; of large tables among 50,000 rows, evenly taken."""
    if len(vectors) < 2:
        return None
    table = _some(vectors)
    squares = (table**2).sum(axis=1)
    least = np.inf
    for start in range(0, len(table), 1024):
        part = table[start : start + 1024]
        far = squares[start : start + len(part), None] + squares - 2 * part @ table.T
        far[np.arange(len(part)), start + np.arange(len(part))] = np.inf
        least = min(least, float(far.min()))
    return float(np.sqrt(max(least, 0.0)))


def attribute_fit(
    male: NDArray[Any], years: NDArray[Any], labels: NDArray[Any], shown_male: NDArray[Any], shown_years: NDArray[Any]
) -> dict[str, float | int]:
    """Compare groups with their surrogates in apparent sex and age.

    Args:
        male: `(P,)` probability of male of each person.
        years: `(P,)`.
        labels: `(P,)` group of each person, from 0.
        shown_male, shown_years: `(G,)` of the surrogate of each group.

    Returns:
        `sex_groups`, groups with a clear majority (four of five); `sex_right`, the share of those whose surrogate has it, where
        there are any; `age_off`, the mean over groups of the distance in years from the surrogate to the group's median.
    """
    right, clear, off = 0, 0, []
    order = np.argsort(labels, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(np.asarray(labels)[order])) + 1):
        group = labels[members[0]]
        share = float((male[members] > 0.5).mean())
        off.append(abs(float(np.median(years[members])) - float(shown_years[group])))
        if max(share, 1 - share) >= MAJORITY:
            clear += 1
            right += int((shown_male[group] > 0.5) == (share > 0.5))
    out: dict[str, float | int] = {"sex_groups": clear, "age_off": float(np.mean(off)) if off else 0.0}
    if clear:
        out["sex_right"] = right / clear
    return out
