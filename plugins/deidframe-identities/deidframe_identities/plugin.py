"""What this plugin brings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from deidframe.contract import Component, Params, hookimpl


class ArocParams(Params):
    """What is not given is chosen from the data, by the mean cosine silhouette."""

    neighbours: int | None = Field(default=None, ge=2, le=1000)
    """Length of each nearest-neighbour list; it should be about the number of pictures of a person."""
    threshold: float | None = Field(default=None, gt=0, le=100, strict=False)
    """Two pictures nearer than this in rank-order distance are one person's."""


class KMeansParams(Params):
    """How many groups."""

    clusters: int | None = Field(default=None, ge=1)
    """When not given, the number of people divided by the method's k."""
    starts: int = Field(default=4, ge=1, le=100)
    """The best of so many starts is kept."""


class DbscanParams(Params):
    """What is dense."""

    eps: float | None = Field(default=None, gt=0, strict=False)
    """Radius of a neighbourhood; when not given, the knee of the sorted distances to the neighbour number `min_samples`."""
    min_samples: int = Field(default=3, ge=1)
    metric: Literal["euclidean", "cosine"] = "euclidean"


class OpticsParams(Params):
    """What is dense."""

    min_samples: int = Field(default=3, ge=2)
    xi: float = Field(default=0.05, gt=0, lt=1)
    metric: Literal["euclidean", "cosine"] = "euclidean"


class HdbscanParams(Params):
    """What is dense."""

    min_cluster_size: int = Field(default=3, ge=2)
    min_samples: int | None = Field(default=None, ge=1)
    method: Literal["eom", "leaf"] = "eom"


class AverageLinkageParams(Params):
    """How alike pictures of one person are."""

    cosine: float = Field(default=0.4, gt=-1, lt=1, strict=False)
    """Two groups of pictures are joined while the mean cosine between their pictures lies above this; low rather takes two people
    for one, which costs surrogates and no privacy."""


@hookimpl
def deidframe_clusterers() -> list[Component]:
    """Bring `aroc`, `average-linkage`, `k-means`, `dbscan`, `optics` and `hdbscan`."""
    return [
        Component(
            name="aroc",
            make="deidframe_identities.aroc:Aroc",
            params=ArocParams,
            summary="approximate rank-order clustering: neighbour lists, rank-order distance, threshold, transitive merge",
            example='clusterer = { use = "aroc" }\n',
            reference="Otto, Wang, Jain, Clustering millions of faces by identity, IEEE TPAMI 40(2), 2018",
            contract=2,
        ),
        Component(
            name="average-linkage",
            make="deidframe_identities.linkage:AverageLinkage",
            params=AverageLinkageParams,
            summary="joins the two nearest groups, by the mean cosine between them, until none are near; no picture is noise",
            example='clusterer = { use = "average-linkage", params = { cosine = 0.4 } }\n',
            reference="Sokal, Michener, A statistical method for evaluating systematic relationships, 1958",
            contract=2,
        ),
        Component(
            name="k-means",
            make="deidframe_identities.density:KMeans",
            params=KMeansParams,
            elbow="groups",
            summary="Lloyd's k-means (scikit-learn)",
            example='clusterer = { use = "k-means" }\n',
            contract=2,
        ),
        Component(
            name="dbscan",
            make="deidframe_identities.density:Dbscan",
            params=DbscanParams,
            elbow="distances",
            summary="DBSCAN (scikit-learn), its radius from the knee of neighbour distances when not given",
            example='clusterer = { use = "dbscan", params = { min_samples = 3 } }\n',
            reference="Ester et al., A density-based algorithm for discovering clusters, KDD 1996",
            contract=2,
        ),
        Component(
            name="optics",
            make="deidframe_identities.density:Optics",
            params=OpticsParams,
            summary="OPTICS (scikit-learn); quadratic and slow beyond a few thousand",
            example='clusterer = { use = "optics" }\n',
            reference="Ankerst et al., OPTICS: ordering points to identify the clustering structure, SIGMOD 1999",
            contract=2,
        ),
        Component(
            name="hdbscan",
            make="deidframe_identities.density:Hdbscan",
            params=HdbscanParams,
            summary="HDBSCAN (the hdbscan package)",
            example='clusterer = { use = "hdbscan", params = { min_cluster_size = 3 } }\n',
            reference="McInnes, Healy, Astels, hdbscan: hierarchical density based clustering, JOSS 2017",
            contract=2,
        ),
    ]
