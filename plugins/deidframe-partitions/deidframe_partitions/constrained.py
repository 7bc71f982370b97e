"""k-means with a least and a largest size, by the k-means-constrained package."""

from __future__ import annotations

import warnings

import numpy as np

from deidframe.contract import Context, Embeddings, Partition, PluginError
from deidframe_partitions.plugin import ConstrainedParams


class ConstrainedKMeans:
    """Clusterer `constrained-k-means`.

    Raises:
        PluginError: the extra `constrained` is not installed.
    """

    def __init__(self, params: ConstrainedParams, context: Context) -> None:
        try:
            from k_means_constrained import KMeansConstrained
        except ImportError:
            raise PluginError("constrained-k-means needs a library: python -m pip install k-means-constrained") from None
        self._params, self._seed, self._make = params, context.seed % 2**31, KMeansConstrained

    def cluster(self, people: Embeddings, k: int) -> Partition:
        """Return as many groups as k people each allow, of k to 2k - 1."""
        if len(people) < k:
            return Partition(people.ids, np.full(len(people), -1, np.int64))
        if len(people) < 2 * k:
            return Partition(people.ids, np.zeros(len(people), np.int64))
        solver = self._make(
            len(people) // k, size_min=k, size_max=2 * k - 1, n_init=self._params.starts, random_state=self._seed, n_jobs=1
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            labels = solver.fit_predict(people.vectors.astype(np.float64))
        return Partition(people.ids, np.asarray(labels, np.int64))
