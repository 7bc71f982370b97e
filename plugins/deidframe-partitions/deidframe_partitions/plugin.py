"""What this plugin brings."""

from __future__ import annotations

from pydantic import Field

from deidframe.contract import Component, Params, hookimpl


class NoParams(Params):
    """Takes no parameters."""


class ConstrainedParams(Params):
    """How hard it tries."""

    starts: int = Field(default=1, ge=1, le=50)
    """The best of so many starts is kept."""


class FarthestParams(Params):
    """How often it reassigns."""

    rounds: int = Field(default=10, ge=1, le=1000)


def _one(name: str, where: str, summary: str, params: type[Params] = NoParams, reference: str = "") -> Component:
    make = f"deidframe_partitions.{where}"
    return Component(
        name=name,
        make=make,
        params=params,
        summary=summary,
        example=f'clusterer = {{ use = "{name}" }}\n',
        reference=reference,
        contract=2,
    )


@hookimpl
def deidframe_clusterers() -> list[Component]:
    """Bring the partitions."""
    return [
        _one(
            "mdav",
            "greedy:Mdav",
            "groups of k around the points farthest from the mean, two at a time",
            reference="Domingo-Ferrer, Torra, Ordinal, continuous and heterogeneous k-anonymity, DMKD 11, 2005",
        ),
        _one(
            "k-same",
            "greedy:KSame",
            "person after person takes its k - 1 nearest free neighbours",
            reference="Newton, Sweeney, Malin, Preserving privacy by de-identifying face images, IEEE TKDE 17(2), 2005",
        ),
        _one(
            "k-member",
            "greedy:KMember",
            "each group starts far from the last and takes whoever raises its SSE least",
            reference="Byun et al., Efficient k-anonymization using clustering techniques, DASFAA 2007",
        ),
        _one(
            "ward-recut",
            "ward:WardRecut",
            "the tightest branch of at least k people in Ward's tree is cut off, and the rest linked anew",
        ),
        _one(
            "constrained-k-means",
            "constrained:ConstrainedKMeans",
            "k-means with a least and a largest size by minimum-cost flow (extra: constrained)",
            ConstrainedParams,
            "Bradley, Bennett, Demiriz, Constrained k-means clustering, Microsoft Research 2000",
        ),
        _one("random", "greedy:Random", "groups of k drawn at random: what grouping is worth is seen against it"),
        _one(
            "farthest-k-means",
            "historical:FarthestKMeans",
            "historical: k-means of fixed size whose assignment takes the farthest centre, as once shipped by the original work",
            FarthestParams,
        ),
    ]
