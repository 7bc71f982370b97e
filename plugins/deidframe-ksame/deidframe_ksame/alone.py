"""Anonymizers that give every person a target of their own; they make no promise of k, and the certificate says so."""

from __future__ import annotations

import numpy as np

from deidframe.contract import Context, Embeddings, Partition, Surrogates
from deidframe_ksame.centroid import Centroid
from deidframe_ksame.plugin import DpLaplaceParams, InterpolateParams, NoParams


class Interpolate:
    """Anonymizer `interpolate`: part of the way from each person to the group's mean; all of it is `centroid`."""

    def __init__(self, params: InterpolateParams, context: Context) -> None:
        self._alpha, self._whole = params.alpha, Centroid(NoParams(), context)

    def anonymize(self, people: Embeddings, partition: Partition) -> Surrogates:
        """Return alpha times the group's mean plus 1 - alpha times the person, each person a group of its own below 1."""
        group = self._whole.anonymize(people, partition)
        if self._alpha == 1:
            return group
        own = people.vectors[np.flatnonzero(partition.labels >= 0)]
        targets = (self._alpha * group.targets + (1 - self._alpha) * own).astype(np.float32)
        return Surrogates(group.ids, targets, np.arange(len(group)), np.ones(len(group)), group.space)


class DpLaplace:
    """Anonymizer `dp-laplace`: Laplace noise on each person's encoding.

    The person's mean encoding is scaled so that the sum of its absolute values is at most `clip`, so that putting one person in
    another's place moves it by at most 2 clip (its L1 sensitivity); noise of scale 2 clip / epsilon is added to each number.
    The noise is drawn from the system's entropy and not from the recipe's seed: whoever knows a seed could take the noise off
    again. Released targets are epsilon-differentially private for one person's encoding (Dwork, Roth, The algorithmic foundations
    of differential privacy, 2014, theorem 3.6), up to what doubles round away (Mironov, CCS 2012).
    """

    def __init__(self, params: DpLaplaceParams, context: Context) -> None:
        self._params = params

    def anonymize(self, people: Embeddings, partition: Partition) -> Surrogates:
        """Return a noisy target for each grouped person, each a group of its own."""
        kept = np.flatnonzero(partition.labels >= 0)
        table = people.vectors[kept].astype(np.float64)
        lengths = np.abs(table).sum(axis=1, keepdims=True)
        clipped = table * np.minimum(1.0, self._params.clip / np.maximum(lengths, 1e-12))
        noise = np.random.default_rng().laplace(0.0, 2 * self._params.clip / self._params.epsilon, table.shape)
        ids = tuple(people.ids[row] for row in kept.tolist())
        targets = (clipped + noise).astype(np.float32)
        return Surrogates(ids, targets, np.arange(len(kept)), np.ones(len(kept)), people.space)
