"""What this plugin brings."""

from __future__ import annotations

from pydantic import Field

from deidframe.contract import Component, Need, Params, hookimpl


class NoParams(Params):
    """Takes no parameters."""


class EigenParams(Params):
    """How large the model is."""

    components: int = Field(default=64, ge=1, le=1000)
    """Principal components kept."""
    sample: int = Field(default=800, ge=2, le=5000)
    """Faces that the model is fitted on, at most; a seeded sample of the database."""


class AverageEachParams(Params):
    """How many are averaged."""

    neighbours: int = Field(default=5, ge=1, le=1000)
    """Nearest pictures that are averaged with each picture."""


@hookimpl
def deidframe_synthesizers() -> list[Component]:
    """Bring `eigen`, `aam`, `furthest` and `average-each`."""
    return [
        Component(
            name="eigen",
            make="deidframe_classical.eigen:Eigen",
            params=EigenParams,
            summary="k-Same-Eigen: the group's mean in the space of eigenfaces of the database",
            example='synthesizer = { use = "eigen" }\n',
            one_picture_per_group=True,
            reference="Newton, Sweeney, Malin, Preserving privacy by de-identifying face images, IEEE TKDE 17(2), 2005",
            contract=2,
        ),
        Component(
            name="aam",
            make="deidframe_classical.aam:Aam",
            params=EigenParams,
            summary="k-Same-M: the group's mean shape and mean texture, by five landmarks and a piecewise-affine warp",
            example='synthesizer = { use = "aam" }\n',
            one_picture_per_group=True,
            reference="Gross, Sweeney, de la Torre, Baker, Model-based face de-identification, CVPR workshops 2006",
            contract=2,
        ),
        Component(
            name="furthest",
            make="deidframe_classical.furthest:Furthest",
            params=NoParams,
            summary="k-Same-Furthest: groups far apart show each other's mean picture",
            example='synthesizer = { use = "furthest" }\n',
            one_picture_per_group=True,
            reference="Meng, Sun, Collado, Efficient facial identity obscuring k-Same-furthest, BIOSIG 2014",
            contract=2,
        ),
        Component(
            name="average-each",
            make="deidframe_classical.average_each:AverageEach",
            params=AverageEachParams,
            summary="historical: each picture its own mean with its nearest; nothing is shared, so it is never released",
            example='synthesizer = { use = "average-each" }\n',
            needs=frozenset({Need.RECOGNIZER}),
            protects=False,
            contract=2,
        ),
    ]
