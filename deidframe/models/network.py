"""One facade over OpenVINO: a network read from bytes or files, run in batches on all cores in the precision asked for."""

from __future__ import annotations

import functools
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.errors import PluginError, WeightsError
from deidframe.environment import contain_libraries, processors

Precision = Literal["f32", "bf16", "int8"]


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
AT_ONCE = 2
"""Batches that are under way side by side."""


class Network:
    """A compiled network.

    Args:
        graph: from `read_graph`, or an `openvino.Model` built elsewhere.
        shapes: one for each input, -1 for a free dimension; empty keeps the graph's own.
        precision: `f32`, or `bf16` where the CPU has it. OpenVINO takes bf16 silently unless it is told otherwise. For `int8` the
            graph is one from `quantised`.
        stream: it is mostly asked for many batches, so that two are under way side by side (`stacked`), each on half the cores,
            while the next is made ready. One batch alone is then slower.
    """

    def __init__(
        self, graph: Any, shapes: Sequence[Sequence[int]] = (), precision: Precision = "f32", *, stream: bool = False
    ) -> None:
        if shapes:
            graph.reshape({port.any_name: list(shape) for port, shape in zip(graph.inputs, shapes, strict=True)})
        hint = "f32" if precision == "int8" else precision
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
        side_by_side = AT_ONCE if stream and processors() >= AT_ONCE else 1
        if side_by_side > 1:
            settings |= {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": side_by_side}
            if processors() == AT_ONCE:  # they may be two threads of one core, which are one to it
                settings["INFERENCE_NUM_THREADS"] = side_by_side
        self._compiled = _core().compile_model(graph, "CPU", settings)
        self._request = self._compiled.create_infer_request()
        self._requests = [self._request, *(self._compiled.create_infer_request() for _ in range(side_by_side - 1))]
        self._names = [tuple(sorted(port.names)) for port in self._compiled.outputs]

    def __call__(self, *inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Run one batch; inputs and outputs in the graph's order, outputs copied."""
        before = time.process_time()
        results = self._request.infer(list(inputs))
        SPENT.cpu += time.process_time() - before
        return [np.array(results[port], np.float32) for port in self._compiled.outputs]

    def stacked(self, batches: Iterable[NDArray[Any]]) -> NDArray[np.float32]:
        """Run batch after batch, so many at once as there are streams, and return the first output of all of them, `(N, ...)`.

        Args:
            batches: `(n, ...)` each; the next one is asked for while those before it are under way.
        """
        waiting: deque[Any] = deque()
        out: list[NDArray[np.float32]] = []
        free = list(self._requests)
        process, own = time.process_time(), time.thread_time()

        def take() -> None:
            request = waiting.popleft()
            request.wait()
            out.append(np.array(request.get_output_tensor(0).data, np.float32))
            free.append(request)

        try:
            for batch in batches:
                if not free:
                    take()
                request = free.pop()
                request.start_async([batch])
                waiting.append(request)
            while waiting:
                take()
        finally:
            for request in waiting:  # stopped in the middle: what is under way reads memory that goes
                request.wait()
            SPENT.cpu += max(0.0, time.process_time() - process - (time.thread_time() - own))
        return np.concatenate(out) if out else np.zeros((0,), np.float32)

    def named(self, *inputs: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """Run one batch and return the outputs by name."""
        outputs = self(*inputs)
        return {name: value for names, value in zip(self._names, outputs, strict=True) for name in names}
