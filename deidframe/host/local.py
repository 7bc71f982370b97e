"""Plugins that a recipe names by file: a module of one's own, run as it is and known by its content."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

import pluggy

from deidframe.contract import hookspecs
from deidframe.contract.component import Component
from deidframe.contract.errors import PluginError
from deidframe.contract.renamed import renamed_hint
from deidframe.environment import contain_libraries
from deidframe.host.catalogue import Catalogue
from deidframe.host.discover import GROUP, Listed
from deidframe.host.venv.far import SCHEME, Environments

PREFIX = "deidframe_local_"
MOST = 4 * 2**20
"""Bytes of a module."""


def with_local(catalogue: Catalogue, files: Sequence[str], beside: Path) -> Catalogue:
    """Return the catalogue with the components of some files and environments.

    One of the same name as an installed one is named `FILE:NAME`, or `DISTRIBUTION@FOLDER:NAME`.

    Args:
        catalogue: what is installed.
        files: paths of Python files, or `venv:` and the path of a virtual environment; relative ones from `beside`.
        beside: the folder of the recipe.

    Raises:
        PluginError: a file is no module, raises when it is imported, or brings nothing; the message says which file.
    """
    found: list[Listed] = []
    elsewhere = Environments(beside)
    for file in files:
        if file.startswith(SCHEME):
            found += elsewhere.listed(file)
            continue
        path = Path(file) if Path(file).is_absolute() else beside / file
        found += _brought(path)
    names = [(one.role, one.qualified) for one in found]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise PluginError(f"plugins: {twice[0]} {twice[1]!r} is brought twice; give the files other names")
    return catalogue.beside(tuple(found), elsewhere)


def is_local(listed: Listed) -> bool:
    """Whether a component is of a file that the recipe names; its version is then the first digits of the file's sha256."""
    return listed.module.startswith(PREFIX)


def _brought(path: Path) -> list[Listed]:
    try:
        if path.suffix != ".py" or path.stat().st_size > MOST:
            raise PluginError(f"plugins: {path.name!r} is no Python file of at most {MOST // 2**20} MB")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise PluginError(f"plugins: cannot read {str(path)!r}: {error.strerror}") from None
    name = f"{PREFIX}{path.stem}_{digest[:12]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise PluginError(f"plugins: {path.name!r} cannot be imported")
        contain_libraries()
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException as error:  # a module may do anything, leave included
            del sys.modules[name]
            if isinstance(error, KeyboardInterrupt):
                raise
            raise PluginError(f"plugins: {path.name!r} raised {type(error).__name__} when it was imported: {error}") from error
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(sys.modules[name])
        manager.check_pending()
    except Exception as error:
        raise PluginError(f"plugins: {path.name!r}: {error}") from error
    out = []
    for role, hook in hookspecs.HOOKS.items():
        try:
            results = getattr(manager.hook, hook)()
        except Exception as error:
            said = f"{type(error).__name__}: {error}{renamed_hint(str(error))}"
            raise PluginError(f"plugins: {path.name!r}: {hook} raised {said}") from error
        for result in results:
            for one in result if isinstance(result, (list, tuple)) else ():
                if isinstance(one, Component):
                    out.append(Listed(role, one.name, name, path.name, digest[:12], f"from {path.name}"))
    if not out:
        raise PluginError(f"plugins: {path.name!r} brings nothing; it needs a hook such as deidframe_clusterers, with @hookimpl")
    return out
