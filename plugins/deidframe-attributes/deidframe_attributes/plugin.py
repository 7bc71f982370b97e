"""What this plugin brings."""

from __future__ import annotations

from deidframe.contract import Component, Need, Params, hookimpl


class AgeSexParams(Params):
    """Takes no parameters."""


class ExpressionParams(Params):
    """Takes no parameters."""


class SkinToneParams(Params):
    """Takes no parameters."""


class ApparentParams(Params):
    """Takes no parameters."""

    @property
    def attack_encoders(self) -> tuple[str, ...]:
        """The encoder whose rows it can read."""
        return ("age-sex",)


@hookimpl
def deidframe_encoders() -> list[Component]:
    """Bring `age-sex` and `expression`."""
    return [
        Component(
            name="age-sex",
            make="deidframe_attributes.age_sex:AgeSex",
            params=AgeSexParams,
            summary="apparent age and sex, to judge surrogates by; not for grouping",
            example='encoder = { use = "age-sex" }\n',
            needs=frozenset({Need.WEIGHTS}),
            spaces=("age-sex",),
            weights=("age-v1", "gender-v1"),
            reference="King, Dlib-ml: a machine learning toolkit, JMLR 2009 (dlib-models, Cydral Technology)",
            contract=2,
        ),
        Component(
            name="expression",
            make="deidframe_attributes.expression:Expression",
            params=ExpressionParams,
            summary="apparent expression, to see whether a method keeps it; not for grouping",
            example='encoder = { use = "expression" }\n',
            needs=frozenset({Need.WEIGHTS}),
            spaces=("expression",),
            weights=("fer",),
            reference="Arriaga et al., Real-time convolutional neural networks for emotion and gender classification, 2017",
            contract=2,
        ),
    ]


@hookimpl
def deidframe_attackers() -> list[Component]:
    """Bring `apparent`."""
    return [
        Component(
            name="apparent",
            make="deidframe_attributes.apparent:Apparent",
            params=ApparentParams,
            summary="reads apparent sex and age off released pictures, and matches people by these alone",
            example='[[attack]]\nname = "sex"\nuse = "apparent"\nthreat = "attribute"\nattribute = "sex"\n',
            needs=frozenset({Need.RECOGNIZER}),
            reference="Fredrikson, Jha, Ristenpart, Model inversion attacks, CCS 2015 (attribute inference)",
            contract=2,
        )
    ]


@hookimpl
def deidframe_measures() -> list[Component]:
    """Bring `skin-tone`."""
    return [
        Component(
            name="skin-tone",
            make="deidframe_attributes.skin_tone:SkinTone",
            params=SkinToneParams,
            summary="how far the colour of the cheeks drifts from the original's",
            example='[[measure]]\nuse = "skin-tone"\n',
            unit="CIELAB, dE*ab",
            better="lower",
            reference="CIE 15, Colorimetry, 2004 (difference of 1976)",
            contract=2,
        )
    ]
