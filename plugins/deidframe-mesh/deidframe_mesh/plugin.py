"""What this plugin brings."""

from __future__ import annotations

from deidframe.contract import Component, Need, Params, hookimpl


class FaceMeshParams(Params):
    """Takes no parameters."""


@hookimpl
def deidframe_landmarkers() -> list[Component]:
    """Bring `face-mesh`."""
    return [
        Component(
            name="face-mesh",
            make="deidframe_mesh.mesh:FaceMesh",
            params=FaceMeshParams,
            summary="468 points in three dimensions on each face, and how surely there is one",
            example='[scene]\nlandmarker = { use = "face-mesh" }\n',
            needs=frozenset({Need.WEIGHTS}),
            weights=("face-mesh",),
            reference="Kartynnik et al., Real-time facial surface geometry from monocular video on mobile GPUs, 2019",
            contract=2,
        )
    ]
