"""A group's mean moved by a keyed random draw, for those who know all other members of a group."""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, Embeddings, Partition, PluginError, Surrogates
from deidframe_ksame.centroid import Centroid
from deidframe_ksame.generated import encoded
from deidframe_ksame.plugin import NoParams, SpreadParams

Table = NDArray[np.float64]


class Spread:
    """Anonymizer `spread`: against one who subtracts the known members of a group from its surrogate.

    A surrogate aimed at its group's mean m gives the last member away: k m less the others is him. Here the target is m + n, and
    what is left is the member plus k n. The draw n is one set of standard normal weights over people's differences to their mean,
    seeded by the run's key and by who is in the group: the same weights in every encoder, so that one face can follow all of
    them, and the same draw for the same group under the same key, so that several releases average nothing out.

    The covariance of n is the square root of that of the differences (as matrices), scaled to the size that is asked for. With
    the covariance itself, one who knows it whitens the remainder and finds the last member along directions in which people
    differ little and the draw does not reach: of all draws of one size, this one keeps the mean distance of two people in units
    of the draw smallest (minimise trace(C S^-1) over S of a given trace: S is proportional to C^(1/2)).

    Noise on a released face instead of groups, with a formal bound: Croft, Sack and Shi, Obfuscation of images via differential
    privacy, 2021.
    """

    def __init__(self, params: SpreadParams, context: Context) -> None:
        self._params, self._context, self._whole = params, context, Centroid(NoParams(), context)

    def anonymize(self, people: Embeddings, partition: Partition) -> Surrogates:
        """Return the moved mean of each group for its people, weight 1 / group size.

        Raises:
            PluginError: generated people are needed, and there is no recogniser.
        """
        plain = self._whole.anonymize(people, partition)
        kept = np.flatnonzero(partition.labels >= 0)
        table = people.vectors[kept].astype(np.float64)
        differences = table - table.mean(axis=0) if len(table) else table
        size = within(table, plain)
        if self._params.of == "generated" or (len(table) and size <= 0):  # people of equal encodings do not say how people differ
            differences, centre = self._generated
            size = float((differences**2).sum() / (len(differences) - 1))
            plain = self._clipped(people, partition, table, differences, centre)
        if not len(table):
            return plain
        ways = shaped(differences, self._params.spread**2 * size)
        targets = np.array(plain.targets)
        for group, rows in plain.rows_of().items():
            at = list(rows)
            targets[at] = (plain.targets[at[0]] + self._weights([plain.ids[row] for row in at], len(ways)) @ ways).astype(
                np.float32
            )
            self._context.record("spread", {"group": group, "space": people.space, "size": size})
        return Surrogates(plain.ids, targets, plain.groups, plain.weights, plain.space)

    def _weights(self, members: Sequence[str], count: int) -> Table:
        """Return `(count,)` normal weights that follow from the key and the members."""
        digest = hmac.digest(self._context.secret, "\n".join(sorted(members)).encode(), hashlib.sha256)
        return np.random.default_rng(int.from_bytes(digest, "big")).standard_normal(count)

    @functools.cached_property
    def _generated(self) -> tuple[Table, Table]:
        """Differences of people who do not exist to their mean, and that mean; encoded once for all calls."""
        if self._context.recognizer is None:
            raise PluginError('spread: of = "generated" needs a recognizer: a detector and the encoder of the targets')
        vectors = encoded(self._context.recognizer).astype(np.float64)
        centre = vectors.mean(axis=0)
        return vectors - centre, centre

    def _clipped(self, people: Embeddings, partition: Partition, table: Table, differences: Table, centre: Table) -> Surrogates:
        """Return the means of people drawn in to sqrt(D) deviations of the draw from the public mean, as the bound assumes."""
        rows = table - centre
        width = rows.shape[1]
        covariance = differences.T @ differences / (len(differences) - 1)
        values, axes = np.linalg.eigh(covariance)
        shape = np.sqrt(np.maximum(values, 1e-12))
        shape *= np.maximum(values, 0).sum() / shape.sum()
        far = np.sqrt(((rows @ axes) ** 2 / shape).sum(axis=1))
        rows *= np.minimum(1.0, np.sqrt(width) / np.maximum(far, 1e-12))[:, None]
        vectors = np.array(people.vectors)
        vectors[partition.labels >= 0] = (rows + centre).astype(np.float32)
        return self._whole.anonymize(Embeddings(people.ids, vectors, people.space), partition)


def within(table: Table, means: Surrogates) -> float:
    """Return the mean squared distance of `(N, D)` people to their group's mean, with N - G degrees of freedom."""
    groups = len(np.unique(means.groups))
    return float(((table - means.targets) ** 2).sum() / max(1, len(table) - groups))


def shaped(differences: Table, size: float) -> Table:
    """Return `(N, D)` rows of which a sum with standard normal weights has covariance C^(1/2), scaled to trace `size`.

    Args:
        differences: `(N, D)` people less their mean; C is their covariance.
        size: expected squared length of the sum.
    """
    values, axes = np.linalg.eigh(differences.T @ differences)
    there = values > values.max() * 1e-9
    # C = V diag(v) V^T; rows times V diag(v^-1/4) V^T have V diag(v^1/2) V^T
    turned = (differences @ axes[:, there]) * values[there] ** -0.25
    rows = turned @ axes[:, there].T
    return np.asarray(rows * np.sqrt(size / (rows**2).sum()))
