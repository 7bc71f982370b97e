"""What this plugin brings."""

from __future__ import annotations

from pydantic import Field

from deidframe.contract import Component, Need, Params, hookimpl


class PeopleParams(Params):
    """How many of them."""

    people: int = Field(default=50, ge=1, le=50)
    """The first so many people."""
    pictures: int = Field(default=6, ge=1, le=6)
    """The first so many pictures of each."""


class StrangerParams(Params):
    """Takes no parameters."""

    @property
    def per_subject(self) -> bool:
        """Whose face is shown follows from a secret and from who somebody is."""
        return True


@hookimpl
def deidframe_redactors() -> list[Component]:
    """Bring `stranger`."""
    return [
        Component(
            name="stranger",
            make="deidframe_people.stranger:Stranger",
            params=StrangerParams,
            summary="shows one of 50 faces of people who do not exist, chosen by a secret for each person",
            example='redactor = { use = "stranger" }\n',
            needs=frozenset({Need.SUBJECTS}),
            contract=2,
        )
    ]


@hookimpl
def deidframe_sources() -> list[Component]:
    """Bring `synthetic-people`."""
    return [
        Component(
            name="synthetic-people",
            make="deidframe_people.source:SyntheticPeople",
            params=PeopleParams,
            summary="50 people who do not exist, 6 pictures each, made with StyleGAN",
            example='[source]\nuse = "synthetic-people"\nsubjects = "labelled"\n',
            fictitious=True,
            contract=2,
        )
    ]
