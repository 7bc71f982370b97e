"""One facade over OpenVINO: a network read from bytes or files, run in batches on all cores in the precision asked for."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.errors import PluginError, WeightsError
from deidframe.environment import contain_libraries

Precision = Literal["f32", "bf16"]


def import_openvino() -> Any:
    """Return the module `openvino`, kept from reporting its use; everything here and in plugins imports it by this.

    Raises:
        PluginError: it is not installed.
    """
    contain_libraries()
    try:
        import openvino
    except ImportError as error:
        raise PluginError(f"OpenVINO cannot be imported ({error}); python -m pip install openvino") from None
    return openvino


@functools.cache
def _core() -> Any:
    return import_openvino().Core()


def read_graph(model: bytes | Path, weights: Path | None = None) -> Any:
    """Return an `openvino.Model` from an ONNX file's bytes, or from an IR's XML and BIN.

    Raises:
        WeightsError: OpenVINO cannot read it.
    """
    try:
        if isinstance(model, bytes):
            return _core().read_model(model=model)
        return _core().read_model(str(model), str(weights)) if weights else _core().read_model(str(model))
    except RuntimeError as error:
        raise WeightsError(f"OpenVINO cannot read the network: {str(error).strip().splitlines()[-1]}") from error


@dataclass
class Spent:
    """CPU seconds of all cores while networks of the process were at work; what other threads did meanwhile is counted."""

    cpu: float = 0.0


SPENT = Spent()


class Network:
    """A compiled network.

    Args:
        graph: from `read_graph`, or an `openvino.Model` built elsewhere.
        shapes: one for each input, -1 for a free dimension; empty keeps the graph's own.
        precision: `f32`, or `bf16` where the CPU has it. OpenVINO takes bf16 silently unless it is told otherwise.
    """

    def __init__(self, graph: Any, shapes: Sequence[Sequence[int]] = (), precision: Precision = "f32") -> None:
        if shapes:
            graph.reshape({port.any_name: list(shape) for port, shape in zip(graph.inputs, shapes, strict=True)})
        settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        self._compiled = _core().compile_model(graph, "CPU", settings)
        self._request = self._compiled.create_infer_request()
        self._names = [tuple(sorted(port.names)) for port in self._compiled.outputs]

    def __call__(self, *inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Run one batch; inputs and outputs in the graph's order, outputs copied."""
        before = time.process_time()
        results = self._request.infer(list(inputs))
        SPENT.cpu += time.process_time() - before
        return [np.array(results[port], np.float32) for port in self._compiled.outputs]

    def named(self, *inputs: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """Run one batch and return the outputs by name."""
        outputs = self(*inputs)
        return {name: value for names, value in zip(self._names, outputs, strict=True) for name in names}
