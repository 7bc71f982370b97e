"""Encode the whole database in every encoder of a run while each of its faces is in memory once."""

from __future__ import annotations

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import DeidframeError
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.recognizer import BATCH
from deidframe.engine.components.step import Step
from deidframe.engine.planning.plan import Plan
from deidframe.engine.runtime.progress import Reporter


def encoders_of(plan: Plan) -> tuple[Step, ...]:
    """Return the encoders in which a run wants every face."""
    steps = [plan.gate.encoder] if plan.gate and plan.gate.encoder else []
    steps += [plan.finder[1]] if plan.finder else []
    for method in plan.methods:
        steps += plan.encoders(method).values()
    return tuple({step.key: step for step in steps}.values())


def encode_all(plan: Plan, pool: ComponentPool, faces: FaceSet, reporter: Reporter) -> None:
    """Let every recogniser encode the faces, a batch at a time one after the other, so that a face is decoded and cut once.

    An encoder that fails is left out: it fails again, and is told of, where it is asked for.
    """
    steps = list(encoders_of(plan))
    if len(steps) < 2:  # one encoder is the only one to read the faces, whenever it does
        return
    with reporter.task("encode with " + ", ".join(step.name for step in steps), len(faces)) as advance:
        for start in range(0, len(faces), BATCH):
            part = faces.take(range(start, min(start + BATCH, len(faces))))
            for step in tuple(steps):
                try:
                    pool.encode(step, part)
                except DeidframeError:
                    steps.remove(step)
            advance(len(part))
