"""deidframe: de-identify face databases, prove k-anonymity, and measure what an attacker can still do.

From Python: `deidframe.run("quickstart")` runs a recipe, `deidframe.load("runs/quickstart")` reads a finished run as tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "load", "run"]

if TYPE_CHECKING:
    from deidframe.api import Run, load, run


def __getattr__(name: str) -> Any:
    """Import what runs only when it is asked for, so that `import deidframe` stays light."""
    if name in ("Run", "load", "run"):
        from deidframe import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
