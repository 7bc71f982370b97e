"""What this plugin brings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from deidframe.contract import Component, Params, hookimpl


class FolderParams(Params):
    """Where the pictures lie and what the folders mean."""

    path: Path = Field(strict=False, description="a folder, or a CSV file with the columns path and person")
    layout: Literal["auto", "person-folders", "flat", "csv"] = "auto"
    """`person-folders`: each folder is a person; `flat`: nobody is named; `auto`: by where most pictures lie."""
    person_level: int = Field(default=1, ge=1, le=9)
    """With `person-folders`: so many folders below the root name the person; deeper ones are the same person's."""
    follow_links: bool = False
    """Links are followed where they lead to something inside the folder; others are left out in any case."""
    max_megapixels: float = Field(default=100.0, gt=0, le=2000)
    """A larger picture is withheld as unreadable, so that a decompression bomb cannot fill the memory."""


@hookimpl
def deidframe_sources() -> list[Component]:
    """Bring `folder`."""
    return [
        Component(
            name="folder",
            make="deidframe_folder.source:FolderSource",
            params=FolderParams,
            summary="pictures from a folder: one folder per person, a flat folder, or a CSV of path and person",
            example='[source]\nuse = "folder"\nsubjects = "labelled"\nparams = { path = "portraits" }\n',
        )
    ]
