"""What this plugin brings."""

from __future__ import annotations

from pydantic import Field

from deidframe.contract import Component, Params, hookimpl

CAUTION = (
    "a cloak fools the recogniser that it was made against and is no protection: in another one 17 to 79 of 100 people were still"
    " matched by one clear picture (deidframe-cloaks, README)"
)


class CloakParams(Params):
    """Against whom, and how much may change."""

    against: str = Field(default="sface", min_length=1, max_length=120)
    """The encoder that is fooled; one that torch can follow."""
    epsilon: float = Field(default=16.0, gt=0, le=128, strict=False)
    """Grey levels of 255 by which a pixel may change at most."""
    steps: int = Field(default=10, ge=1, le=200)
    """Steps that follow the gradient."""

    @property
    def recognizers(self) -> tuple[str, ...]:
        """The encoder that it follows."""
        return (self.against,)

    @property
    def caution(self) -> str:
        """What is known to be weak about every cloak."""
        return CAUTION


class PgdParams(CloakParams):
    """Against whom, how much may change, and from where."""

    random_start: bool = True
    """Begin at a place drawn within the bound, by the picture and the seed."""


class MomentumParams(CloakParams):
    """Against whom, how much may change, and how much of the former steps goes on."""

    decay: float = Field(default=1.0, ge=0, le=1, strict=False)
    """Of the sum of former gradients, at each step."""


class TiDimParams(MomentumParams):
    """As with momentum, with pictures of other sizes and gradients that are spread."""

    kernel: int = Field(default=7, ge=1, le=31)
    """Side of the Gaussian by which gradients are spread, an odd number of pixels."""
    diversity: float = Field(default=0.7, ge=0, le=1, strict=False)
    """How often a step looks at the face a little larger or smaller."""


class TipImParams(MomentumParams):
    """As with momentum, towards other people, who do not exist."""

    targets: int = Field(default=4, ge=1, le=8)
    """How many of the other people that ship with the plugin may be gone towards."""
    gamma: float = Field(default=0.0, ge=0, le=100, strict=False)
    """Weight of looking natural: how far the picture's patches may lie from the clear one's as a whole."""


def _component(name: str, params: type[Params], summary: str, reference: str) -> Component:
    return Component(
        name=name,
        make=f"deidframe_cloaks.cloak:{''.join(part.capitalize() for part in name.split('-'))}",
        params=params,
        summary=summary,
        example=f'redactor = {{ use = "{name}" }}\n',
        deterministic=False,  # torch rounds otherwise with other threads and processors
        reference=reference,
        contract=2,
    )


@hookimpl
def deidframe_redactors() -> list[Component]:
    """Bring `pgd`, `mi-fgsm`, `ti-dim` and `tip-im`."""
    return [
        _component(
            "pgd",
            PgdParams,
            "changes pixels a little so that one recogniser no longer sees the person",
            "Madry et al., Towards deep learning models resistant to adversarial attacks, ICLR 2018",
        ),
        _component(
            "mi-fgsm",
            MomentumParams,
            "the same with momentum, which other recognisers follow a little more",
            "Dong et al., Boosting adversarial attacks with momentum, CVPR 2018",
        ),
        _component(
            "ti-dim",
            TiDimParams,
            "the same with other sizes and spread gradients, made to carry over to other recognisers",
            "Dong et al., Evading defenses to transferable adversarial examples by translation-invariant attacks, CVPR 2019",
        ),
        _component(
            "tip-im",
            TipImParams,
            "goes step by step towards people who do not exist, the one by whom most is gained",
            "Yang et al., Towards face encryption by generating adversarial identity masks, ICCV 2021",
        ),
    ]
