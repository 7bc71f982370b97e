"""What this plugin brings."""

from __future__ import annotations

from deidframe.contract import Component, Need, Params, hookimpl


class AgeSexParams(Params):
    """Takes no parameters."""


@hookimpl
def deidframe_encoders() -> list[Component]:
    """Bring `age-sex`."""
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
        )
    ]
