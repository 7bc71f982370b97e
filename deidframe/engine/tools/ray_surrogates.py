"""Surrogates drawn by the nodes of a Ray cluster, some groups in a task; the cache here keeps each as it comes."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import FaceSet, Surrogates
from deidframe.contract.errors import DeidframeError
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.planning.plan import Plan
from deidframe.engine.runtime.progress import Quiet
from deidframe.engine.tools.ray_cluster import Cluster
from deidframe.engine.tools.ray_parts import Job, planned_on_node

_POOLS: dict[str, tuple[Plan, ComponentPool]] = {}
"""Of a worker: the run that it draws for, so that networks are loaded once and not for each task."""


@dataclass(frozen=True)
class Drawn:
    """What a node drew: `(N, H, W, 3)` pictures of the faces that it was sent, or why it could not."""

    node: str
    pictures: NDArray[np.uint8] | None
    error: DeidframeError | None = None


@dataclass(frozen=True)
class OnNodes:
    """Draws groups on nodes.

    Args:
        nodes: of the cluster.
        job: that they know the run by.
    """

    nodes: Cluster
    job: Job

    def draw(
        self, pool: ComponentPool, step: Step, encoder: Step, asked: Sequence[tuple[FaceSet, Surrogates]]
    ) -> Iterator[tuple[int, FaceSet]]:
        """Yield the number of each request and the faces that a node made of it, as they are done.

        Args:
            pool: of the run, whose secret nodes choose by.
            step: a synthesizer whose groups follow from their own rows alone.
            encoder: that it sees with.
            asked: requests.

        Raises:
            DeidframeError: a node could not; the message names it.
        """

        def sent(number: int) -> tuple[object, ...]:
            faces, aims = asked[number]
            whole = FaceSet(faces.ids, np.asarray(faces.images[:]), faces.landmarks, faces.subjects)
            return self.job, pool.secret, step.key, encoder.key, whole, aims

        for number, drawn in self.nodes.each(_draw, range(len(asked)), sent):
            if drawn.error is not None:
                drawn.error.args = (f"node {drawn.node}: {drawn.error}",)  # the same kind, and so the same exit code
                raise drawn.error
            faces = asked[number][0]
            yield number, FaceSet(faces.ids, drawn.pictures, faces.landmarks)


def _draw(job: Job, secret: bytes, step: str, encoder: str, faces: FaceSet, aims: Surrogates) -> Drawn:
    """Draw some groups; this runs on a node."""
    node = socket.gethostname()
    try:
        key = DiskCache.key({"facts": dict(job.facts), "secret": secret.hex()})
        if key not in _POOLS:
            scratch = Path(tempfile.mkdtemp(prefix="deidframe-"))  # as long as the worker lives
            planned, _ = planned_on_node(job)
            pool = planned.pool(scratch, Quiet(), offline=job.offline)
            pool.secret = secret
            _POOLS.clear()
            _POOLS[key] = planned, pool
        planned, pool = _POOLS[key]
        known = {one.key: one for one in planned.steps()}
        made: FaceSet = pool.call(known[step], faces, aims, encoder=known[encoder])
        return Drawn(node, np.asarray(made.images[:]))
    except DeidframeError as error:
        return Drawn(node, None, error)
