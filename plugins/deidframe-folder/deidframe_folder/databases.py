"""The sources: each lists a database once and opens a picture when it is asked for."""

from __future__ import annotations

from deidframe.contract import Context, Photos
from deidframe_folder import columns, layouts, shards
from deidframe_folder.plugin import (
    CelebaParams,
    ImagefolderParams,
    LfwParams,
    ParquetParams,
    TreeParams,
    WebdatasetParams,
)
from deidframe_folder.records import photos_of
from deidframe_folder.trees import Tree, tree_of


def _photos(tree: Tree, found: layouts.Found, params: TreeParams, what: str) -> Photos:
    return photos_of(tree, found.records, found.skipped, found.notes, params.max_megapixels, what)


class _Named:
    """A source whose file names say all."""

    parse: layouts.Parse
    what: str

    def __init__(self, params: TreeParams, context: Context) -> None:
        self._params = params

    def load(self) -> Photos:
        """List the pictures.

        Raises:
            UsageError: nothing is there, or it cannot be listed. NothingToDo: no picture is called as this database calls its.
        """
        tree = tree_of(self._params.path)
        found = layouts.by_name(*tree.names(), type(self).parse)
        return _photos(tree, found, self._params, self.what)


class Rafd(_Named):
    """Source `rafd`."""

    parse, what = staticmethod(layouts.rafd), "rafd"


class Fei(_Named):
    """Source `fei`."""

    parse, what = staticmethod(layouts.fei), "fei"


class Agedb(_Named):
    """Source `agedb`."""

    parse, what = staticmethod(layouts.agedb), "agedb"


class Lfw:
    """Source `lfw`."""

    def __init__(self, params: LfwParams, context: Context) -> None:
        self._params = params

    def load(self) -> Photos:
        """List the pictures; see `layouts.lfw`."""
        tree = tree_of(self._params.path)
        return _photos(tree, layouts.lfw(tree, self._params.pairs, self._params.people), self._params, "lfw")


class Celeba:
    """Source `celeba`."""

    def __init__(self, params: CelebaParams, context: Context) -> None:
        self._params = params

    def load(self) -> Photos:
        """List the pictures; see `layouts.celeba`."""
        tree = tree_of(self._params.path)
        return _photos(tree, layouts.celeba(tree, self._params.partition), self._params, "celeba")


class Imagefolder:
    """Source `imagefolder`."""

    def __init__(self, params: ImagefolderParams, context: Context) -> None:
        self._params = params

    def load(self) -> Photos:
        """List the pictures; see `layouts.imagefolder`."""
        tree = tree_of(self._params.path)
        return _photos(tree, layouts.imagefolder(tree, self._params.person), self._params, "imagefolder")


class Webdataset:
    """Source `webdataset`."""

    def __init__(self, params: WebdatasetParams, context: Context) -> None:
        self._params = params

    def load(self) -> Photos:
        """List the pictures; see `shards.load`."""
        return shards.load(self._params.path, self._params.person, self._params.max_megapixels)


class Parquet:
    """Source `parquet`."""

    def __init__(self, params: ParquetParams, context: Context) -> None:
        self._params = params

    def load(self) -> Photos:
        """List the pictures; see `columns.load`."""
        return columns.load(self._params.path, self._params.image, self._params.person, self._params.max_megapixels)
