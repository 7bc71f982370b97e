"""The rows of what another tool released."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from deidframe.engine.evaluate.explorer_data import keep_for_explorer
from deidframe.engine.evaluate.measures import measures
from deidframe.engine.planning.plan import MethodPlan
from deidframe.engine.release.gates import pass_gates
from deidframe.engine.rows.attack import timed
from deidframe.engine.rows.attacked import attacked_cells
from deidframe.engine.rows.context import RunContext
from deidframe.engine.rows.examined import examine
from deidframe.engine.rows.row import nothing_released
from deidframe.record.schema import Cell


def foreign_cells(at: RunContext, method: MethodPlan, base: Cell) -> Iterator[Cell]:
    """Look at what another tool released, without and with recognisers; nothing is released."""
    try:
        with timed() as seconds:
            done = examine(at.pool, at.plan, method, at.faces, at.folder, at.reporter)
        closed, _ = pass_gates(done.release, at.faces, at.withheld, (), None, None, protects=False)
        at.pool.cache_faces(done.release.faces)
        metrics, by, unmeasured = measures(at.pool, at.plan, method, done.release, at.untouched)
        judges, owner = at.plan.judges(method), at.plan.parsed.recipe.source.fictitious or at.with_originals
        keep_for_explorer(at.folder, method.slug, at.pool, judges, done.release, show_originals=owner)
        base = replace(
            base,
            k_counted=done.findings.fewest,
            people=len(set(done.release.subjects)),
            groups=len(set(done.findings.shared.values())) if done.findings.fewest > 1 else None,
            released=closed.released,
            withheld=closed.withheld,
            failed=closed.failed,
            reasons=dict(closed.reasons),
            metrics=metrics,
            by=by,
            unmeasured=unmeasured,
            stages={"method": seconds()},
        )
    except Exception as error:
        yield nothing_released(at, base, error)
        return
    yield base
    yield from attacked_cells(at, method, base, done.release, done.tool)
    at.pool.drop_faces(done.release.faces)
