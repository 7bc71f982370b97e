"""The child process: `python -I unpickle.py IN.pkl OUT.pt MEMORY_MB`. It imports torch, and nothing of the project.

NVIDIA's pickles carry the source of their classes, which their own reader runs. Here that source is never looked at: every name
in the pickle stands for a few lines below that hold what they are given, and a name that is not among them ends the reading.
"""

from __future__ import annotations

import io
import pickle
import resource
import sys
from typing import Any

import torch

CPU_SECONDS = 540
DEEPEST = 16


class Refused(Exception):
    """The pickle names something that no generator needs, or holds none."""


class Plain(dict[Any, Any]):
    """Stands for every kind of dictionary."""


class Inert:
    """Stands for what is of no use here (numpy's scalars, devices): takes anything, does nothing."""

    def __init__(self, *ignored: Any) -> None:
        pass

    def __setstate__(self, ignored: Any) -> None:
        pass


class Held:
    """One module of the network: the name of its class, and what was in it."""

    def __init__(self, meta: Any) -> None:
        if not isinstance(meta, dict) or not isinstance(meta.get("state"), dict):
            raise Refused("a module in it has no state")
        self.kind, self.state = str(meta.get("class_name")), meta["state"]


def _storage(data: Any) -> torch.Tensor:
    # torch's own function reads a pickle within the pickle, without limits; this one takes nothing but numbers
    held = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    if not isinstance(held, torch.storage.TypedStorage):
        raise Refused("a storage in it is none")
    return torch.tensor([], dtype=held.dtype).set_(held)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *ignored: Any) -> torch.Tensor:
    if not isinstance(storage, torch.Tensor):
        raise Refused("a tensor in it has no storage")
    return torch.as_strided(storage, size, stride, offset)  # out of bounds raises


def _parameter(data: Any, *ignored: Any) -> Any:
    return data


STANDS_FOR = {
    "torch_utils.persistence._reconstruct_persistent_obj": Held,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.storage._load_from_bytes": _storage,
    "collections.OrderedDict": Plain,
    "dnnlib.util.EasyDict": Plain,
    "builtins.set": set,
    "__builtin__.set": set,
    "numpy.core.multiarray.scalar": Inert,
    "numpy._core.multiarray.scalar": Inert,
    "numpy.core.multiarray._reconstruct": Inert,
    "numpy._core.multiarray._reconstruct": Inert,
    "numpy.ndarray": Inert,
    "numpy.dtype": Inert,
    "_codecs.encode": Inert,
    "torch.device": Inert,
    "torch.float32": Inert,
    "torch.float16": Inert,
}


class TensorsOnly(pickle.Unpickler):
    """Resolves the names above, and no other."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for this name."""
        if module.startswith("dnnlib.tflib"):
            raise Refused("it is of the TensorFlow version; NVIDIA's legacy.py makes one of PyTorch's of it")
        if f"{module}.{name}" not in STANDS_FOR:
            raise Refused(f"it names {module}.{name}, which no generator needs")
        return STANDS_FOR[f"{module}.{name}"]


def tensors(module: Held, prefix: str = "", depth: int = 0) -> dict[str, torch.Tensor]:
    """Return parameters and buffers by their dotted names, as `state_dict` would."""
    if depth > DEEPEST:
        raise Refused("its modules are nested without end")
    out = {}
    for part in ("_parameters", "_buffers"):
        for name, value in (module.state.get(part) or {}).items():
            if isinstance(value, torch.Tensor):
                out[prefix + str(name)] = value.detach().float().contiguous().clone()
    for name, inner in (module.state.get("_modules") or {}).items():
        if isinstance(inner, Held):
            out |= tensors(inner, f"{prefix}{name}.", depth + 1)
    return out


def main(source: str, target: str, memory_mb: int) -> None:
    """Read the pickle and write the tensors of its `G_ema` as a file that needs no trust."""
    limit = memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    with open(source, "rb") as stream:  # noqa: PTH123 - nothing more than needed is imported here
        held = TensorsOnly(stream).load()
    generator = held.get("G_ema") if isinstance(held, dict) else None
    if not isinstance(generator, Held):
        raise Refused("it holds no generator under 'G_ema'")
    torch.save(tensors(generator), target)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    except MemoryError:
        sys.exit("it wants more memory than it is given")
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {[*str(error).splitlines(), ''][0]}")
