"""What this plugin brings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from deidframe.contract import Component, Need, Params, SamePerson, hookimpl

MS_CELEB, CASIA = "ms-celeb-128", "casia-512"


class FaceNetParams(Params):
    """Which weights."""

    weights: str | None = None
    """`"ms-celeb-128"` (when not given: the network of the original work, 128-D), `"casia-512"` (512-D), or a file of one's own:
    a state dictionary of facenet-pytorch (`.pt`, needs torch), Keras' `.h5` or a frozen graph `.pb`."""
    release: Literal["vggface2", "casia-webface"] | None = None
    """Instead: fetch them from facenet-pytorch's releases once; their hash is recorded then and holds from then on."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Refuse any other file. Two public hashes of the VGGFace2 file disagree, so the hash of what was used is always logged."""
    precision: Literal["f32", "bf16", "int8"] = "f32"
    """bf16 and int8 move an encoding a little and are faster on CPUs that have them; int8 with ms-celeb-128 alone."""
    normalise: bool = True
    """Scale encodings to length 1; the original authors' are not."""

    @model_validator(mode="after")
    def _bounded(self) -> FaceNetParams:
        if self.precision == "int8" and (self.release is not None or self.weights not in (None, MS_CELEB)):
            raise ValueError(f'bounds in eight bits are known of the weights {MS_CELEB} alone; take precision = "f32"')
        return self

    @property
    def loads(self) -> tuple[str, ...]:
        """The one file that is asked for; none for a file of one's own."""
        if self.release is not None or self.weights not in (None, MS_CELEB, CASIA):
            return ()
        return (f"facenet-{self.weights or MS_CELEB}",)


class MtcnnParams(Params):
    """How small a face may be, and how sure it must be."""

    min_face: int = Field(default=20, ge=12, le=500)
    """Pixels."""
    min_score: float = Field(default=0.9, ge=0.1, le=0.999)


@hookimpl
def deidframe_encoders() -> list[Component]:
    """Bring `facenet`."""
    return [
        Component(
            name="facenet",
            make="deidframe_facenet.encoder:FaceNet",
            params=FaceNetParams,
            summary="FaceNet (InceptionResnetV1): 128-D encodings, the original work's second recogniser, as strong as SFace",
            example='encoder = { use = "facenet" }\n',
            needs=frozenset({Need.WEIGHTS}),
            spaces=("facenet",),
            weights=("facenet-ms-celeb-128", "facenet-casia-512"),
            same_person=SamePerson(
                deviations=5.3,
                cosine=(0.65, 0.7, 0.75),
                certain=0.88,
                stray=0.25,
                stray_few=0.4,
                genuine=((5.65, 1.0), (6.2, 0.7), (6.6, 0.7)),
                measured_on="100 people of LFW and 50 who do not exist, the lower of both; with the weights of MS-Celeb",
            ),
            reference="Schroff, Kalenichenko, Philbin, FaceNet: a unified embedding for face recognition, CVPR 2015",
            contract=2,
        )
    ]


@hookimpl
def deidframe_detectors() -> list[Component]:
    """Bring `mtcnn`."""
    return [
        Component(
            name="mtcnn",
            make="deidframe_facenet.mtcnn:Mtcnn",
            params=MtcnnParams,
            summary="MTCNN: three small networks in a cascade, boxes and five landmarks; slower than yunet",
            example='[detector]\nuse = "mtcnn"\n',
            reference="Zhang et al., Joint face detection and alignment using multitask cascaded convolutional networks, 2016",
            contract=2,
        )
    ]
