"""What this plugin brings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from deidframe.contract import Component, Params, hookimpl

Word = Annotated[str, Field(max_length=4096)]


class CommandParams(Params):
    """Which program is run, and how."""

    run: Annotated[tuple[Word, ...], Field(min_length=1, max_length=200, strict=False)]
    """The program and its words; `{input}` stands for the folder of pictures, `{output}` for that of what it makes, `{python}`
    for the Python that this runs in."""
    seconds: float = Field(default=600.0, gt=0, le=1e6, strict=False)
    """How long one run of it may take."""
    format: Literal["png", "jpg"] = "png"
    """Of the pictures that it is given."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables that it sees besides PATH, HOME, TMPDIR and LANG; nothing else of the environment is passed on."""
    online: bool = False
    """Whether it may open connections. Where the machine lets us, it otherwise has no network at all."""

    whole: bool = False
    """As a redactor: it is given whole photos, under names that say nothing, and faces are cut out of what it makes."""

    @property
    def takes(self) -> Literal["face", "person", "scene"]:
        """Whole photos, where it is told so."""
        return "scene" if self.whole else "face"

    @property
    def network(self) -> bool:
        """Whether connections are opened: then `--offline` refuses it."""
        return self.online

    @model_validator(mode="after")
    def _whole(self) -> CommandParams:
        if not any("{input}" in word for word in self.run):
            raise ValueError("run has to say where the pictures are: give {input} as one of its words")
        return self


_DEMO = '"{python}", "-m", "deidframe_command.demo", "{input}", "{output}"'


@hookimpl
def deidframe_redactors() -> list[Component]:
    """Bring `command`."""
    return [
        Component(
            name="command",
            make="deidframe_command.redactor:CommandRedactor",
            params=CommandParams,
            summary="any program that takes a folder of faces and makes others of them",
            example='redactor = { use = "command", params = { run = [' + _DEMO + "] } }\n",
            deterministic=False,
            contract=2,
        )
    ]


@hookimpl
def deidframe_synthesizers() -> list[Component]:
    """Bring `command`."""
    return [
        Component(
            name="command",
            make="deidframe_command.synthesizer:CommandSynthesizer",
            params=CommandParams,
            summary="any program that makes one face of each folder of faces",
            example='synthesizer = { use = "command", params = { run = [' + _DEMO + "] } }\n",
            deterministic=False,
            one_picture_per_group=True,
            contract=2,
        )
    ]
