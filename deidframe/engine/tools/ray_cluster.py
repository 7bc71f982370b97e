"""A Ray cluster as the program sees it: tasks over items, so many in flight, done again where a worker or a node has died."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from deidframe.contract.errors import UsageError

T = TypeVar("T")
TRIES = 5
"""How often a task is given out again whose worker or node has died."""
IN_FLIGHT = 2
"""Tasks that wait for each core, which bounds what of the cluster's answers lies in memory."""
WAIT = 10.0
"""Seconds in which a cluster has to answer."""
AGAIN = "what came back is kept: give the command again"


class Cluster:
    """Nodes at work.

    Args:
        ray: the module, connected.
        address: for errors.
    """

    def __init__(self, ray: Any, address: str) -> None:
        self._ray, self._address = ray, address

    def each(
        self, task: Callable[..., Any], items: Sequence[T], arguments: Callable[[T], tuple[Any, ...]]
    ) -> Iterator[tuple[T, Any]]:
        """Yield each item with what the task made of it, as they are done.

        Args:
            task: a function of this package, so that nodes find it in theirs.
            items: in the order in which they are given out.
            arguments: of the task, made when an item's turn comes.

        Raises:
            UsageError: the cluster is gone, or a task could not be done on any node.
        """
        ray = self._ray
        remote = ray.remote(num_cpus=1, max_retries=TRIES)(task)
        waiting, flight = list(reversed(items)), dict[Any, T]()
        try:
            while waiting or flight:
                room = IN_FLIGHT * max(1, int(ray.cluster_resources().get("CPU", 1)))
                while waiting and len(flight) < room:
                    item = waiting.pop()
                    flight[remote.remote(*arguments(item))] = item
                ready, _ = ray.wait(list(flight), num_returns=1, timeout=5.0)
                for one in ready:
                    yield flight.pop(one), ray.get(one)
        except ray.exceptions.RayError as error:
            raise UsageError(f"--ray {self._address!r}: {_first(error)}; {AGAIN}") from None


@contextmanager
def cluster(address: str) -> Iterator[Cluster]:
    """Connect to a cluster while the block lasts.

    Args:
        address: HOST:PORT, `"auto"` for the one on this machine, `"local"` for one that is started for this run alone.

    Raises:
        UsageError: Ray is not installed, or there is no cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before the import: nothing leaves
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise UsageError("--ray needs Ray: python -m pip install 'deidframe[ray]' here and on every node") from None
    given = None if address == "local" else address
    _somebody_listens(address)
    try:
        ray.init(address=given, include_dashboard=False if given is None else None, log_to_driver=False, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise UsageError(f"--ray {address!r}: no cluster answers there ({_first(error)})") from None
    try:
        yield Cluster(ray, address)
    finally:
        ray.shutdown()


def _first(error: Exception) -> str:
    told = str(error).strip().splitlines()
    return told[0] if told else type(error).__name__


def _somebody_listens(address: str) -> None:
    """Ask for a connection first: where nobody answers, Ray's own client tries for most of a minute and then ends the process."""
    host, colon, port = address.rpartition(":")
    if address in {"auto", "local"}:
        return
    try:
        if not (colon and host and port.isdecimal()):
            raise ValueError("expected HOST:PORT, auto or local")
        socket.create_connection((host, int(port)), timeout=WAIT).close()
    except (OSError, ValueError, OverflowError) as error:
        raise UsageError(f"--ray {address!r}: no cluster answers there ({error})") from None
