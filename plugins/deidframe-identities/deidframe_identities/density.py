"""Well-kept implementations of k-means, DBSCAN, OPTICS and HDBSCAN behind the one verb of a clusterer."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import DBSCAN, OPTICS
from sklearn.cluster import KMeans as Lloyd

from deidframe.contract import Context, Embeddings, Partition, UsageError
from deidframe.contract.curves import knee, neighbour_distances
from deidframe_identities.plugin import DbscanParams, HdbscanParams, KMeansParams, OpticsParams
from deidframe_identities.unit import unit


def _noise(people: Embeddings) -> Partition:
    """Return everybody as noise: too few to say more."""
    return Partition(people.ids, np.full(len(people), -1, np.int64))


def _rows(people: Embeddings, metric: str) -> NDArray[np.float64]:
    """Return the rows to be clustered: cosine distance orders unit vectors as Euclidean distance does."""
    if metric == "cosine":
        if not people.vectors.any(axis=1).all():
            raise UsageError("a zero vector has no direction, so cosine is not defined; leave it out or use metric = 'euclidean'")
        return unit(people.vectors).astype(np.float64)
    return people.vectors.astype(np.float64)


class KMeans:
    """Clusterer `k-means`."""

    def __init__(self, params: KMeansParams, context: Context) -> None:
        self._params, self._seed = params, context.seed % 2**32

    def cluster(self, people: Embeddings, k: int) -> Partition:
        """Return `clusters` groups, or one for each k people."""
        clusters = self._params.clusters or (len(people) // k if k > 1 else 0)
        if not clusters:
            if k > 1:
                return _noise(people)
            raise UsageError("k-means cannot know how many people there are; set params.clusters")
        if clusters > len(people):
            raise UsageError(f"k-means: clusters = {clusters} is larger than the number of rows, {len(people)}")
        lloyd = Lloyd(clusters, n_init=self._params.starts, random_state=self._seed)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # equal rows give fewer distinct clusters than asked for, and that is what is returned
            labels = lloyd.fit_predict(people.vectors.astype(np.float64))
        return Partition(people.ids, labels.astype(np.int64))


class Dbscan:
    """Clusterer `dbscan`."""

    def __init__(self, params: DbscanParams, context: Context) -> None:
        self._params, self._log = params, context.log

    def cluster(self, people: Embeddings, k: int) -> Partition:
        """Return the dense groups; the rest is noise."""
        if len(people) <= self._params.min_samples:
            return _noise(people)
        rows = _rows(people, self._params.metric)
        eps = self._params.eps
        if eps is None:
            curve = neighbour_distances(rows, self._params.min_samples)
            eps = max(float(curve[knee(curve)]), 1e-9)
            self._log(f"  dbscan: eps {eps:.4g}, the knee of the distances to neighbour {self._params.min_samples}")
        elif self._params.metric == "cosine":
            eps = float(np.sqrt(2 * eps))  # cosine distance c of unit vectors is Euclidean distance sqrt(2 c)
        return Partition(people.ids, DBSCAN(eps=eps, min_samples=self._params.min_samples).fit_predict(rows).astype(np.int64))


class Optics:
    """Clusterer `optics`."""

    def __init__(self, params: OpticsParams, context: Context) -> None:
        self._params = params

    def cluster(self, people: Embeddings, k: int) -> Partition:
        """Return the groups of the reachability plot by its steepness xi; the rest is noise."""
        if len(people) <= self._params.min_samples:
            return _noise(people)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # equal rows divide zero by zero inside, and come out as one group
            found = OPTICS(min_samples=self._params.min_samples, xi=self._params.xi).fit_predict(
                _rows(people, self._params.metric)
            )
        return Partition(people.ids, found.astype(np.int64))


class Hdbscan:
    """Clusterer `hdbscan`."""

    def __init__(self, params: HdbscanParams, context: Context) -> None:
        self._params = params
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package warns of its own syntax on newer Pythons
            from hdbscan import HDBSCAN  # it takes two seconds, which the others need not wait for
        self._make: Any = HDBSCAN

    def cluster(self, people: Embeddings, k: int) -> Partition:
        """Return the stable groups of the hierarchy; the rest is noise."""
        if len(people) <= max(self._params.min_cluster_size, self._params.min_samples or 0):
            return _noise(people)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found: Any = self._make(
                min_cluster_size=self._params.min_cluster_size,
                min_samples=self._params.min_samples,
                cluster_selection_method=self._params.method,
            ).fit_predict(people.vectors.astype(np.float64))
        return Partition(people.ids, np.asarray(found, np.int64))
