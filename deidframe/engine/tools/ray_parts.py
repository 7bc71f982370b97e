"""The parts of a database over the nodes of a Ray cluster: Ray places and retries them, the cache here is the ledger.

A node gets the recipe and the number of a part, sees for itself that it reads the same pictures with the same components, and
sends back what it has seen. A worker that dies and a node that goes are Ray's to make up for. A driver that dies has lost the
parts in flight, for what came back lies in the cache under its part's name, and the next run asks for the others alone.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deidframe.contract.errors import DeidframeError, UsageError
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.cache.shards import fingerprints_of, shards_of
from deidframe.engine.planning.plan import Plan
from deidframe.engine.runtime.progress import Quiet, Reporter
from deidframe.engine.tools.parts import KEY, Part, PartDone, apart, check_cut, facts_of, keep, look_at_part, parts_there
from deidframe.engine.tools.ray_cluster import Cluster

SHARDS = 8
"""Shards in a task: some 500 pictures, so that networks are loaded for seconds of work and a kill loses no more than that."""


@dataclass(frozen=True)
class Job:
    """All that a node needs to know, the same for each part."""

    text: str
    file: str
    overrides: tuple[str, ...]
    limit: int | None
    folder: str
    offline: bool
    facts: Mapping[str, Any]
    shards: int = 0
    """Of the stage cache, in the whole database."""


@dataclass(frozen=True)
class Answer:
    """What a node says of a part: what it found, and the entries of its cache; or why it could not."""

    node: str
    done: PartDone | None
    entries: tuple[tuple[str, bytes], ...] = ()
    error: DeidframeError | None = None


@dataclass(frozen=True)
class Looked:
    """What came of it: parts that nodes looked at, those that were there before, and the nodes' names."""

    parts: int
    before: int
    nodes: tuple[str, ...]


def job_of(plan: Plan, *, offline: bool) -> Job:
    """Return what nodes need to know of a run.

    Raises:
        UsageError: the recipe's pictures cannot be cut into parts.
    """
    check_cut(plan)
    parsed, fingerprints = plan.parsed, fingerprints_of(plan.photos)
    facts, cut = facts_of(plan, fingerprints), len(shards_of(fingerprints))
    return Job(parsed.text, parsed.file, parsed.overrides, plan.limit, str(Path.cwd()), offline, facts, cut)


def look_with_ray(cache: DiskCache, reporter: Reporter, nodes: Cluster, job: Job, *, shards: int = SHARDS) -> Looked:
    """Have the nodes of a cluster look at every part that the cache does not know, and keep what they send.

    Args:
        cache: that the run which follows reads.
        nodes: of the cluster.
        job: from `job_of`.
        shards: of the stage cache in a part.

    Raises:
        UsageError: a node has other plugins, weights or pictures. DeidframeError: a node could not do its part; the message names
        it. What other nodes sent until then is kept.
    """
    of = max(1, -(-job.shards // shards))
    there = parts_there(cache, job.facts).get(of, frozenset())
    waiting = [Part(n, of) for n in range(1, of + 1) if n not in there]
    names: set[str] = set()
    with reporter.task("look with Ray", len(waiting)) as advance:
        for part, answer in nodes.each(_look, waiting, lambda one: (job, one)):
            _take(cache, job.facts, part, answer)
            names.add(answer.node)
            advance(1)
    return Looked(len(waiting), len(there), tuple(sorted(names)))


def _take(cache: DiskCache, facts: Mapping[str, Any], part: Part, answer: Answer) -> None:
    """Keep what a node sent, and last of all that its part is there."""
    if answer.error is not None:
        answer.error.args = (f"node {answer.node}: {answer.error}",)  # the same kind, and so the same exit code
        raise answer.error
    assert answer.done is not None
    keep(cache, facts, part, answer.done, answer.entries)


_PLANNED: dict[str, tuple[Plan, list[str]]] = {}
"""Of a worker: what it last planned. A database is listed, and each file read for its fingerprint, once, not for every task."""


def planned_on_node(job: Job) -> tuple[Plan, list[str]]:
    """Return the plan of a job as this node sees it, and the fingerprints of its pictures.

    Raises:
        UsageError: it is not what the run sees.
    """
    from deidframe.engine.planning.planner import plan
    from deidframe.environment import contain_libraries
    from deidframe.host.catalogue import Catalogue
    from deidframe.recipe.parse import parse

    key = DiskCache.key(dict(job.facts))
    if key in _PLANNED:
        return _PLANNED[key]
    contain_libraries()
    if Path(job.folder).is_dir():
        os.chdir(job.folder)  # paths of a recipe are of where the command was given
    scratch = Path(tempfile.mkdtemp(prefix="deidframe-"))  # as long as the worker lives
    planned = plan(parse(job.text, job.file, job.overrides), Catalogue(), scratch, job.limit)
    fingerprints = fingerprints_of(planned.photos)
    ours = facts_of(planned, fingerprints)
    if ours != job.facts:
        told = apart(ours, job.facts) or ["it has another version of deidframe"]
        raise UsageError(f"what it sees is not what the run sees: {'; '.join(told)}")
    _PLANNED.clear()
    _PLANNED[key] = planned, fingerprints
    return _PLANNED[key]


def _look(job: Job, part: Part) -> Answer:
    """Look at a part; this runs on a node."""
    node = socket.gethostname()
    try:
        with tempfile.TemporaryDirectory(prefix="deidframe-") as name:
            work = Path(name) / "work"
            work.mkdir()
            cache = DiskCache(Path(name) / "stages")
            planned, fingerprints = planned_on_node(job)
            done = look_at_part(planned, part, cache, work, Quiet(), offline=job.offline, fingerprints=fingerprints)
            return Answer(node, done, tuple(_entries(cache)))
    except DeidframeError as error:
        return Answer(node, None, error=error)


def _entries(cache: DiskCache) -> list[tuple[str, bytes]]:
    found = []
    for key, _, _ in cache.entries():
        body = cache.get(key) if KEY.fullmatch(key) else None
        if body is not None:
            found.append((key, body))
    return found
