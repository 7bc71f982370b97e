"""The row of a method that groups and releases nothing."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import replace

from deidframe.engine.components.attributes import people_classes
from deidframe.engine.planning.plan import MethodPlan
from deidframe.engine.protect.grouping import group, groups_csv, map_data
from deidframe.engine.rows.context import RunContext
from deidframe.engine.rows.row import nothing_released
from deidframe.record.schema import Cell
from deidframe.record.write import write_bytes, write_json

GROUPED = "grouped, not released"
"""Why the faces of a method that only groups are withheld."""


def grouped_cell(at: RunContext, method: MethodPlan, base: Cell) -> Cell:
    """Group and measure; nothing is released."""
    try:
        if at.plan.encodings is not None:
            encodings, people, space = at.plan.encodings, at.plan.people, at.plan.encodings.space
        else:
            step = method.steps["encoder"]
            encodings, people, space = at.pool.encode(step, at.faces), at.faces.subjects or (), step.name
        beside = [at.pool.encode(one, at.faces) for one in method.beside]
        apart = None
        if method.within is not None:
            apart = functools.partial(people_classes, at.pool, *method.within, at.faces)
        done = group(at.pool, encodings, people, method, labelled=at.plan.labelled, apart=apart, beside=beside)
        text = groups_csv(done.ids, done.labels)
        write_bytes(
            at.folder / "private" / "groups" / f"{method.slug}.csv", text.encode("utf-8", "surrogateescape"), private=True
        )
        write_json(at.folder / "figures" / "groupings" / f"{method.slug}.json", map_data(at.pool, done, at.names_key))
    except Exception as error:
        return replace(nothing_released(at, base, error), grouping=True)
    reasons = dict(Counter(at.withheld.values())) | {GROUPED: len(done.ids)}
    return replace(
        base,
        grouping=True,
        encoder=space,
        k_counted=done.smallest if method.k is not None else None,
        people=len(set(people)),
        groups=int(done.metrics["groups"]),  # type: ignore[call-overload]
        withheld=base.total,
        reasons=reasons,
        stages=done.seconds,
        metrics=dict(done.metrics),
    )
