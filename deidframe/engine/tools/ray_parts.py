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

SHARDS = 8
"""Shards in a task: some 500 pictures, so that networks are loaded for seconds of work and a kill loses no more than that."""
TRIES = 5
"""How often a part is looked at again whose worker or node has died."""
IN_FLIGHT = 2
"""Parts that wait for each core, which bounds what of the cluster's answers lies in memory."""

WAIT = 10.0
"""Seconds in which a cluster has to answer."""


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


def look_with_ray(
    plan: Plan, cache: DiskCache, reporter: Reporter, address: str, *, offline: bool = False, shards: int = SHARDS
) -> Looked:
    """Have the nodes of a cluster look at every part that the cache does not know, and keep what they send.

    Args:
        plan: of the run that follows.
        cache: that it reads.
        address: of the cluster, `"auto"` for the one on this machine, `"local"` for one that is started for this run alone.
        shards: of the stage cache in a part.

    Raises:
        UsageError: Ray is not installed, there is no cluster, or a node has other plugins, weights or pictures. DeidframeError: a
        node could not do its part; the message names it. What other nodes sent until then is kept.
    """
    check_cut(plan)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before the import: nothing leaves
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        from ray.exceptions import RayError
    except ImportError:
        raise UsageError("--ray needs Ray: python -m pip install 'deidframe[ray]' here and on every node") from None
    fingerprints = fingerprints_of(plan.photos)
    facts = facts_of(plan, fingerprints)
    of = max(1, -(-len(shards_of(fingerprints)) // shards))
    there = parts_there(cache, facts).get(of, frozenset())
    waiting = [Part(n, of) for n in range(of, 0, -1) if n not in there]
    if not waiting:
        return Looked(0, of, ())
    parsed = plan.parsed
    job = Job(parsed.text, parsed.file, parsed.overrides, plan.limit, str(Path.cwd()), offline, facts)
    given = None if address == "local" else address
    _somebody_listens(address)
    try:
        ray.init(address=given, include_dashboard=False if given is None else None, log_to_driver=False, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        told = str(error).strip().splitlines()
        raise UsageError(f"--ray {address!r}: no cluster answers there ({told[0] if told else type(error).__name__})") from None
    nodes: set[str] = set()
    try:
        task = ray.remote(num_cpus=1, max_retries=TRIES)(_look)
        flight: dict[Any, Part] = {}
        with reporter.task("look with Ray", len(waiting)) as advance:
            while waiting or flight:
                cores = ray.cluster_resources().get("CPU", 1)  # type: ignore[no-untyped-call]
                room = IN_FLIGHT * max(1, int(cores))
                while waiting and len(flight) < room:
                    part = waiting.pop()
                    flight[task.remote(job, part)] = part
                ready, _ = ray.wait(list(flight), num_returns=1, timeout=5.0)
                for one in ready:
                    part = flight.pop(one)
                    answer: Answer = ray.get(one)
                    _take(cache, facts, part, answer)
                    nodes.add(answer.node)
                    advance(1)
    except RayError as error:
        told = str(error).strip().splitlines()
        raise UsageError(
            f"--ray {address!r}: {told[0] if told else type(error).__name__}; what came back is kept: give the command again"
        ) from None
    finally:
        ray.shutdown()
    return Looked(of - len(there), len(there), tuple(sorted(nodes)))


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


def _take(cache: DiskCache, facts: Mapping[str, Any], part: Part, answer: Answer) -> None:
    """Keep what a node sent, and last of all that its part is there."""
    if answer.error is not None:
        answer.error.args = (f"node {answer.node}: {answer.error}",)  # the same kind, and so the same exit code
        raise answer.error
    assert answer.done is not None
    keep(cache, facts, part, answer.done, answer.entries)


def _look(job: Job, part: Part) -> Answer:
    """Look at a part; this runs on a node."""
    from deidframe.engine.planning.planner import plan
    from deidframe.environment import contain_libraries
    from deidframe.host.catalogue import Catalogue
    from deidframe.recipe.parse import parse

    contain_libraries()
    node = socket.gethostname()
    try:
        if Path(job.folder).is_dir():
            os.chdir(job.folder)  # paths of a recipe are of where the command was given
        with tempfile.TemporaryDirectory(prefix="deidframe-") as name:
            scratch = Path(name)
            (scratch / "work").mkdir()
            planned = plan(parse(job.text, job.file, job.overrides), Catalogue(), scratch / "work", job.limit)
            ours = facts_of(planned, fingerprints_of(planned.photos))
            if ours != job.facts:
                told = apart(ours, job.facts) or ["it has another version of deidframe"]
                raise UsageError(f"what it sees is not what the run sees: {'; '.join(told)}")
            cache = DiskCache(scratch / "stages")
            done = look_at_part(planned, part, cache, scratch / "work", Quiet(), offline=job.offline)
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
