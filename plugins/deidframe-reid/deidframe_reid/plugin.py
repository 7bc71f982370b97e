"""What this plugin brings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deidframe.contract import Component, Need, Params, hookimpl

Where = Literal["found", "known", "frame", "best"]


class RecognizerParams(Params):
    """What an attacker looks with."""

    encoder: str | None = None
    """Encoder by name; when not given, the first of `sface`, `facenet`, `dlib-resnet` that is installed and made no groups."""
    landmarks: Where = "best"
    """Where a probe's face is: `found` by a detector (a picture without one gives no score and is counted apart); `known`: found,
    else at the original's; `frame`: at the public template, where every released face lies; `best`: the better of both,
    and the template alone where two protected pictures are compared."""

    @property
    def attack_encoders(self) -> tuple[str, ...]:
        """The encoder of the recipe, or those that are strong."""
        return (self.encoder,) if self.encoder is not None else ("sface", "facenet", "dlib-resnet")


class NearestFaceParams(RecognizerParams):
    """How the nearest face is found."""

    difference: Literal["none", "encodings", "pixels", "exchange", "weighed", "others"] = "none"
    """With threat `informed`: the known members are ruled out, and their encodings or pictures are subtracted from the surrogate;
    `pixels` takes the better of the surrogate and of what is left of it, which is the last member where surrogates are means.
    `exchange` looks, instead of at a probe, at the released picture that is most like the known members of its group: where
    groups show each other's mean, that one is theirs. `weighed` asks of each candidate how well a group of him and the known
    members would explain the surrogate, how like the surrogate he is and how like the known ones: the strongest where targets
    were moved. `others` looks at no released picture at all: groups are of alike people, so whoever knows the others guesses, and
    no surrogate brings an attacker below that."""
    temperature: Annotated[float, Field(gt=0, le=1)] = 0.05
    """With threat `shared`: how sharply candidates are shared out among the released pictures; a difference of cosines."""


class ParrotParams(RecognizerParams):
    """How a parrot looks."""


class ReversalParams(RecognizerParams):
    """How what was changed back is looked at."""


class SurroundingsParams(Params):
    """What is left out."""

    radius: Annotated[float, Field(ge=0, le=1.3)] = 0.9
    """Of the circle around the middle that is left out; 1 reaches the sides of the picture."""


def _example(name: str, use: str, threat: str, params: str = '{ encoder = "sface" }') -> str:
    return f'[[attack]]\nname = "{name}"\nuse = "{use}"\nthreat = "{threat}"\nparams = {params}\n'


@hookimpl
def deidframe_attackers() -> list[Component]:
    """Bring four attackers."""
    return [
        Component(
            name="nearest-face",
            make="deidframe_reid.nearest_face:NearestFace",
            params=NearestFaceParams,
            summary="matches each probe with the gallery by cosine of encodings",
            example=_example("naive", "nearest-face", "naive"),
            needs=frozenset({Need.RECOGNIZER}),
            reference="Newton, Sweeney, Malin, 2005 (naive recognition, and reverse recognition for threat replay)",
            contract=2,
        ),
        Component(
            name="parrot",
            make="deidframe_reid.parrot:Parrot",
            params=ParrotParams,
            summary="learns on own people how a method changes encodings, fused with what needs no learning",
            example=_example("parrot", "parrot", "parrot"),
            needs=frozenset({Need.RECOGNIZER}),
            reference="Newton, Sweeney, Malin, 2005 (parrot recognition)",
            contract=2,
        ),
        Component(
            name="reversal",
            make="deidframe_reid.reversal:Reversal",
            params=ReversalParams,
            summary="learns on own people a filter that takes a method back, and matches what it gives",
            example=_example("reversal", "reversal", "reversal"),
            needs=frozenset({Need.RECOGNIZER}),
            reference="Hao et al., Robustness analysis of face obscuration, 2020 (reversal of obscuration)",
            contract=2,
        ),
        Component(
            name="surroundings",
            make="deidframe_reid.surroundings:Surroundings",
            params=SurroundingsParams,
            summary="matches the pixels around the face; the exact original is found whenever a method leaves them",
            example=_example("around the face", "surroundings", "surroundings", "{ radius = 0.9 }"),
            contract=2,
        ),
    ]
