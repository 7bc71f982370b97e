"""What this plugin brings."""

from __future__ import annotations

from typing import Literal

from deidframe.contract import Component, Need, Params, hookimpl


class NearestFaceParams(Params):
    """What the attacker looks with."""

    encoder: str | None = None
    """Encoder by name; when not given, the first of `sface`, `facenet`, `dlib-resnet` that is installed and made no groups."""
    landmarks: Literal["found", "known", "frame", "best"] = "best"
    """Where a probe's face is: `found` by a detector (a picture without one gives no score and is counted apart); `known`: found,
    else at the original's; `frame`: at the public template, where every released face lies; `best`: the better of both."""
    difference: Literal["none", "encodings", "pixels"] = "none"
    """With threat `informed`: the known members are ruled out, and their encodings or pictures are subtracted from the surrogate;
    `pixels` takes the better of the surrogate and of what is left of it, which is the last member where surrogates are means."""

    @property
    def attack_encoders(self) -> tuple[str, ...]:
        """The encoder of the recipe, or those that are strong."""
        return (self.encoder,) if self.encoder is not None else ("sface", "facenet", "dlib-resnet")


@hookimpl
def deidframe_attackers() -> list[Component]:
    """Bring `nearest-face`."""
    return [
        Component(
            name="nearest-face",
            make="deidframe_reid.nearest_face:NearestFace",
            params=NearestFaceParams,
            summary="matches each probe with the gallery by cosine of encodings",
            example='[[attack]]\nname = "naive"\nuse = "nearest-face"\nthreat = "naive"\nparams = { encoder = "sface" }\n',
            needs=frozenset({Need.RECOGNIZER}),
            reference="Newton, Sweeney, Malin, 2005 (naive recognition)",
        )
    ]
