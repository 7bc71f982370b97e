"""What this plugin brings."""

from __future__ import annotations

from typing import Literal

from deidframe.contract import Component, Need, Params, SamePerson, hookimpl


class DlibParams(Params):
    """How the network is run."""

    precision: Literal["f32", "bf16", "int8"] = "f32"
    """bf16 moves an encoding by at most 0.012 and is faster on CPUs that have it."""


@hookimpl
def deidframe_encoders() -> list[Component]:
    """Bring `dlib-resnet`."""
    return [
        Component(
            name="dlib-resnet",
            make="deidframe_dlib.encoder:DlibResNet",
            params=DlibParams,
            summary="dlib's ResNet: 128-D encodings, the original work's grouping encoder, many times faster than dlib itself",
            example='encoder = { use = "dlib-resnet" }\n',
            needs=frozenset({Need.WEIGHTS}),
            spaces=("dlib-resnet",),
            weights=("dlib-resnet",),
            same_person=SamePerson(
                deviations=4.7,
                cosine=(0.95, 0.96, 0.965),
                certain=0.985,
                stray=-1.0,  # it does not tell a picture of somebody else surely enough to withhold one
                stray_few=-1.0,
                genuine=((4.09, 0.46), (4.8, 0.4), (5.2, 0.4)),
                measured_on="100 people of LFW and 50 who do not exist, the lower of both",
                authors=0.6 / 1.52,  # dlib's own threshold over the mean length of its encodings
            ),
            reference="King, Dlib-ml: a machine learning toolkit, JMLR 2009; He et al., Deep residual learning, CVPR 2016",
            contract=2,
        )
    ]
