"""What this plugin brings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from deidframe.contract import Component, Need, Params, hookimpl


class StyleGanParams(Params):
    """How hard it looks for a good face."""

    aim: Literal["start", "gradient"] = "start"
    """`start`: the best of a few candidates, no torch needed; `gradient`: moved towards the group by following gradients."""
    candidates: int = Field(default=8, ge=1, le=64)
    """With `start`: faces weighed for each group; up to three are made for it, the others come from the bank of known faces."""
    min_score: float = Field(default=0.85, ge=0, le=1)
    """A face of which the detector is less sure is taken only if there is no other; with `gradient` it is tried again."""
    encoders: dict[str, float] = Field(default={"sface": 1.0, "dlib-resnet": 0.3}, min_length=1, max_length=8)
    """With `gradient`: encoders aimed by, and the weight of each; the encoder that made the groups need not be among them."""
    effort: Literal["quick", "good", "best", "utmost"] = "best"
    """With `gradient`: how long it goes on: 4 steps at 128 pixels; 8, and 5 at 256; at most 36, and 12; or at most 72, and 24."""
    steps: int | None = Field(default=None, ge=1, le=1000)
    """With `gradient`, in the place of an effort: at most so many at 128 pixels, and a third of it at 256."""
    watch: str | None = None
    """With `gradient`: an encoder that is not aimed by; where it sees no gain any more, a stage ends."""
    tries: int = Field(default=2, ge=1, le=10)
    """With `gradient`: starts at most, where the detector is not sure of a face."""
    attributes: str | None = None
    """With `gradient`: an encoder of apparent age and sex (`age-sex`); the face is held to its group's."""
    frontal: bool = False
    """With `gradient`: hold the face to look ahead."""
    distinct: bool = False
    """With `gradient`: hold the face away from those of other groups."""
    device: str | None = None
    """With `gradient`: a torch device; when not given, that of `deidframe run --device`, and `cuda` where there is one."""

    @field_validator("encoders")
    @classmethod
    def _positive(cls, value: dict[str, float]) -> dict[str, float]:
        for name, weight in value.items():
            if not 0 < weight <= 100:
                raise ValueError(f"the weight of {name} must lie above 0 and at most at 100, got {weight}")
        return value

    @model_validator(mode="after")
    def _unaimed(self) -> StyleGanParams:
        if self.watch in self.encoders:
            raise ValueError(f"watch = {self.watch!r} is aimed by, and would see gains to the end; name another encoder")
        return self

    @property
    def per_group(self) -> bool:
        """Whether a group's face follows from the group alone: not where candidates or faces of others are avoided."""
        return self.aim == "gradient" and not self.distinct

    @property
    def groups_at_once(self) -> int:
        """Groups that are lost when the run is killed, about a minute's work; more where they are aimed at together."""
        return 8

    @property
    def spaces(self) -> tuple[str, ...]:
        """Embedding spaces of groups that it can work on; empty for any."""
        return ("dlib-resnet", "sface", "facenet") if self.aim == "start" else ()

    @property
    def recognizers(self) -> tuple[str, ...]:
        """Encoders that the core shall lend besides the one that made the groups."""
        if self.aim == "start":
            return ()
        return (*self.encoders, *(name for name in (self.attributes, self.watch) if name))

    @property
    def aims(self) -> tuple[str, ...]:
        """Encoders by whose encodings it aims besides the one that made the groups."""
        return tuple(self.encoders) if self.aim == "gradient" else ()

    @property
    def gpu(self) -> bool:
        """Only gradients are followed on another device; nothing else needs torch, which takes seconds to load."""
        return self.aim == "gradient"


class StyleGanMeanParams(Params):
    """How latents are found and how far the mean of them may go."""

    encoders: dict[str, float] = Field(default={"sface": 1.0, "dlib-resnet": 0.3}, min_length=1, max_length=8)
    """Encoders by which each member's latent is found, and their weights; the first says who matches."""
    steps: int = Field(default=24, ge=1, le=1000)
    """At most so many for each member at 128 pixels, and a third of it at 256."""
    alpha: float = Field(default=1.0, gt=0, le=1, strict=False)
    """Where the way from the mean face begins: 1 is the mean of the members' latents."""
    least_alpha: float = Field(default=0.4, gt=0, le=1, strict=False)
    """Where it ends at the latest."""
    step: float = Field(default=0.1, ge=0.01, le=1, strict=False)
    """By how much alpha is lowered while too many members match."""
    most: float = Field(default=0.5, ge=0, le=1, strict=False)
    """Share of the members that may match."""
    threshold: float = Field(default=1.128, gt=0, le=2, strict=False)
    """Distance of unit encodings below which a member matches; SFace's cosine of 0.363 is 1.128."""
    device: str | None = None

    @property
    def per_group(self) -> bool:
        """A group's face follows from the group alone."""
        return True

    @property
    def groups_at_once(self) -> int:
        """Groups that are lost when the run is killed."""
        return 1

    @property
    def recognizers(self) -> tuple[str, ...]:
        """Encoders that the core shall lend besides the one that made the groups."""
        return tuple(self.encoders)


class StyleGan2Params(Params):
    """Which checkpoint, and how it is aimed."""

    checkpoint: Path = Field(strict=False)
    """A generator in rosinality's layout: `.pt` (its `g_ema` is taken) or `.safetensors`, aligned as FFHQ."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Refuse any other file; the hash of what was used is logged in any case."""
    encoders: dict[str, float] = Field(default={"sface": 1.0, "dlib-resnet": 0.3}, min_length=1, max_length=8)
    """Encoders aimed by, and the weight of each."""
    steps: int = Field(default=36, ge=0, le=1000)
    """At most so many at 128 pixels, and a third of it at 256; 0 takes the nearest start."""
    starts: int = Field(default=48, ge=1, le=4096)
    """Random faces, drawn once, of which the nearest to a group is its start."""
    device: str | None = None

    @property
    def per_group(self) -> bool:
        """A group's face follows from the group alone."""
        return True

    @property
    def groups_at_once(self) -> int:
        """Groups that are lost when the run is killed."""
        return 1

    @property
    def recognizers(self) -> tuple[str, ...]:
        """Encoders that the core shall lend besides the one that made the groups."""
        return tuple(self.encoders)

    @property
    def aims(self) -> tuple[str, ...]:
        """Encoders by whose encodings it aims."""
        return tuple(self.encoders)


@hookimpl
def deidframe_synthesizers() -> list[Component]:
    """Bring `stylegan`, `stylegan-mean` and `stylegan2`."""
    return [
        Component(
            name="stylegan",
            make="deidframe_stylegan.surrogate:StyleGan",
            params=StyleGanParams,
            summary="a photograph of nobody for each group: the best of some candidates, or aimed at the group by gradients",
            example='synthesizer = { use = "stylegan" }\n',
            needs=frozenset({Need.WEIGHTS, Need.RECOGNIZER}),
            weights=(
                "mobilestylegan-mapping-graph",
                "mobilestylegan-mapping",
                "mobilestylegan-synthesis-graph",
                "mobilestylegan-synthesis",
            ),
            one_picture_per_group=True,
            takes_targets=True,
            reference="Karras et al., StyleGAN2, CVPR 2020; Belousov, MobileStyleGAN, 2021",
            contract=2,
        ),
        Component(
            name="stylegan-mean",
            make="deidframe_stylegan.mean_latent:StyleGanMean",
            params=StyleGanMeanParams,
            summary="the original authors' way: the mean of the members' latents, nearer to the mean face while too many match",
            example='synthesizer = { use = "stylegan-mean" }\n',
            needs=frozenset({Need.WEIGHTS, Need.RECOGNIZER, Need.SUBJECTS, Need.GPU}),
            weights=(
                "mobilestylegan-mapping-graph",
                "mobilestylegan-mapping",
                "mobilestylegan-synthesis-graph",
                "mobilestylegan-synthesis",
            ),
            one_picture_per_group=True,
            reference="the original work; Abdal, Qin, Wonka, Image2StyleGAN, ICCV 2019",
            contract=2,
        ),
        Component(
            name="stylegan2",
            make="deidframe_stylegan.own_generator:StyleGan2Faces",
            params=StyleGan2Params,
            summary="a StyleGAN2 checkpoint of your own, aimed at each group by gradients",
            example='synthesizer = { use = "stylegan2", params = { checkpoint = "stylegan2-ffhq.pt" } }\n',
            needs=frozenset({Need.WEIGHTS, Need.RECOGNIZER, Need.GPU}),
            one_picture_per_group=True,
            takes_targets=True,
            reference="Karras et al., Analyzing and improving the image quality of StyleGAN, CVPR 2020",
            contract=2,
        ),
    ]
