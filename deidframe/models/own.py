"""How a plugin gets at its own weights: by the name under which its `weights.toml` lists them."""

from __future__ import annotations

from pathlib import Path

from deidframe.contract.component import Context
from deidframe.contract.errors import PluginError
from deidframe.models.catalogue import read_weights
from deidframe.models.fetch import obtain


def weights_path(package: str, name: str, context: Context) -> Path:
    """Return the verified file that `package`'s `weights.toml` lists as `name`, fetched when it is not here yet.

    Args:
        package: the plugin's top-level Python package.
        name: of the weights.
        context: says whether fetching is allowed.

    Raises:
        PluginError: the plugin lists no such weights.
        WeightsError: offline and not here, not to be fetched, or of the wrong hash.
    """
    listed = read_weights(package)
    for one in listed:
        if one.name == name:
            return obtain(one, listed, offline=context.offline, log=context.log)
    raise PluginError(f"{package} lists no weights called {name!r} in its weights.toml")
