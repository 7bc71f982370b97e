"""The one way to let torch draw and train: equal input gives equal bits, on any number of cores and in every call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reproducible_torch() -> Iterator[None]:
    """Let torch compute so that its results depend on nothing but their input; a context, or a decorator of a function.

    On several threads its matrix products sum in an order that changes with their number and, on CPUs with AVX-512 and AMX, from
    one call to the next: pictures then differ by a grey level. So it gets one thread, and on a GPU the algorithms that sum in a
    fixed order, as far as it has any (it warns where it has none). What was set before holds again afterwards.
    """
    import torch

    threads = torch.get_num_threads()
    exact, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    tuned = torch.backends.cudnn.benchmark
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(exact, warn_only=warns)
        torch.backends.cudnn.benchmark = tuned
