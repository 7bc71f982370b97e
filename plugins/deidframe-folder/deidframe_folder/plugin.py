"""What this plugin brings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from deidframe.contract import Component, Params, hookimpl


class UrlParams(Params):
    """Of a source that may read from an object store."""

    path: str

    @property
    def network(self) -> bool:
        """Only a URL is read over the network."""
        return "://" in self.path


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


class TreeParams(UrlParams):
    """Where the pictures lie."""

    path: str = Field(min_length=1, description="a folder, a zip archive, or a URL such as s3://bucket/faces")
    max_megapixels: float = Field(default=100.0, gt=0, le=2000)
    """A larger picture is withheld as unreadable, so that a decompression bomb cannot fill the memory."""


class LfwParams(TreeParams):
    """Which of the people."""

    pairs: str | None = None
    """A list of pairs in the database, such as `pairs.txt`: only pictures that occur in it are taken."""
    people: str | None = None
    """A list of people in the database, such as `peopleDevTest.txt`: only they are taken, and their fold is a column."""


class CelebaParams(TreeParams):
    """Which of the pictures."""

    partition: Literal["all", "train", "valid", "test"] = "all"


class ImagefolderParams(TreeParams):
    """Who is on a picture."""

    person: str | None = None
    """Column of `metadata.jsonl` or `metadata.csv` that names the person; without it the folder does."""


class WebdatasetParams(UrlParams):
    """Where the shards lie, and who is on a picture."""

    path: str = Field(min_length=1, description="a folder of tar shards, a URL of one, or faces-{000..009}.tar")
    person: str | None = None
    """Key of the JSON beside a picture, or ending of a text beside it (`cls`, `txt`), that names the person."""
    max_megapixels: float = Field(default=100.0, gt=0, le=2000)


class ParquetParams(UrlParams):
    """Where the files lie, and which columns are what."""

    path: str = Field(min_length=1, description="a folder of Parquet files, a URL of one, or one file")
    image: str = "image"
    """Column of encoded pictures, as bytes or as the hub's `{bytes, path}`."""
    person: str | None = None
    """Column that names the person."""
    max_megapixels: float = Field(default=100.0, gt=0, le=2000)


def _component(name: str, params: type[Params], summary: str, more: str = "", reference: str = "") -> Component:
    path = "shards" if name == "webdataset" else "tables" if name == "parquet" else name
    return Component(
        name=name,
        make=f"deidframe_folder.databases:{name.capitalize()}",
        params=params,
        summary=summary,
        example=f'[source]\nuse = "{name}"\nsubjects = "labelled"\nparams = {{ path = "{path}"{more} }}\n',
        reference=reference,
        contract=2,
    )


@hookimpl
def deidframe_sources() -> list[Component]:
    """Bring `folder`, and databases of the field in their own layouts."""
    person = ', person = "person"'
    return [
        Component(
            name="folder",
            make="deidframe_folder.source:FolderSource",
            params=FolderParams,
            summary="pictures from a folder: one folder per person, a flat folder, or a CSV of path and person",
            example='[source]\nuse = "folder"\nsubjects = "labelled"\nparams = { path = "portraits" }\n',
            contract=2,
        ),
        _component("lfw", LfwParams, "Name/Name_0001.jpg, with lists of pairs and people", "", "Huang et al., LFW, 2007"),
        _component("celeba", CelebaParams, "lists of identities, attributes and partitions", "", "Liu et al., ICCV 2015"),
        _component("rafd", TreeParams, "Rafd090_01_Caucasian_female_angry_frontal.jpg", "", "Langner et al., 2010"),
        _component("fei", TreeParams, "12-03.jpg or 12a.jpg: person and pose, or person and expression", "", "FEI, 2006"),
        _component("agedb", TreeParams, "16580_MariaCallas_35_f.jpg: person, age and sex", "", "Moschoglou et al., 2017"),
        _component("imagefolder", ImagefolderParams, "folders of pictures with metadata.jsonl or metadata.csv", person),
        _component("webdataset", WebdatasetParams, "tar shards, read where they lie", person),
        _component("parquet", ParquetParams, "pictures as a column of bytes, read by row group", person),
    ]
