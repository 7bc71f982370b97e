"""Weights (found, fetched, verified) and the one inference engine; plugins may import this room for their weights."""

from __future__ import annotations

from deidframe.models.fetch import cache_folder
from deidframe.models.network import Network, Precision, read_graph
from deidframe.models.own import weights_path

__all__ = ["Network", "Precision", "cache_folder", "read_graph", "weights_path"]
