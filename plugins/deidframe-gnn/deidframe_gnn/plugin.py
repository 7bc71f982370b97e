"""What this plugin brings."""

from __future__ import annotations

from pydantic import Field

from deidframe.contract import Component, Need, Params, hookimpl


class GnnParams(Params):
    """How proxies are mixed."""

    temperatures: tuple[float, ...] = Field(default=(0.02, 0.05, 0.1), min_length=1, max_length=20, strict=False)
    """How much nearer proxies weigh more, in cosine; each is tried and the mixture nearest to the group is taken."""
    widths: tuple[int, ...] = Field(default=(1, 2), min_length=1, max_length=10, strict=False)
    """Proxies mixed, in multiples of the number of people in the group; each is tried."""


@hookimpl
def deidframe_synthesizers() -> list[Component]:
    """Bring `gnn`."""
    return [
        Component(
            name="gnn",
            make="deidframe_gnn.surrogate:GnnFaces",
            params=GnnParams,
            summary="k-Same-Net: a network draws a mixture of the proxies nearest to the group, no fewer than it has people",
            example='synthesizer = { use = "gnn" }\n',
            needs=frozenset({Need.RECOGNIZER, Need.SUBJECTS}),
            one_picture_per_group=True,
            takes_targets=True,
            reference="Meden, Emersic, Struc, Peer, k-Same-Net, Entropy 20(1), 2018",
            contract=2,
        )
    ]
