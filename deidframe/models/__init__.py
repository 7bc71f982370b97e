"""Weights (found, fetched, verified) and the one inference engine; plugins may import this room for their weights."""

from __future__ import annotations

from deidframe.environment import cache_folder, processors
from deidframe.models.network import Network, Precision, import_openvino, read_graph
from deidframe.models.own import weights_path
from deidframe.models.torch_engine import reproducible_torch

__all__ = [
    "Network",
    "Precision",
    "cache_folder",
    "import_openvino",
    "processors",
    "read_graph",
    "reproducible_torch",
    "weights_path",
]
