"""A method's row before anything is known, and where nothing came of it."""

from __future__ import annotations

from dataclasses import replace

from deidframe.contract.errors import PluginError, ReleaseRefused
from deidframe.engine.planning.plan import MethodPlan
from deidframe.engine.rows.attack import keep_traceback, reason_of
from deidframe.engine.rows.context import RunContext
from deidframe.record.schema import Cell, Status


def base_of(at: RunContext, method: MethodPlan) -> Cell:
    """Return a method's row before anything is known."""
    seed = at.plan.parsed.recipe.seed
    return Cell(
        method.name,
        method.slug,
        protects=method.protects,
        foreign=method.foreign,
        k=method.promised_k,
        total=at.total,
        seed=seed,
        sees=tuple(sorted(method.sees)),
        settings=method.settings,
    )


def nothing_released(at: RunContext, base: Cell, error: Exception) -> Cell:
    """Return the row of a method that released nothing, with the reason: every picture counts as failed."""
    status: Status = "refused" if isinstance(error, ReleaseRefused) else "failed"
    reason = reason_of(error)
    at.reporter.say(f"  {status}: {reason}")
    keep_traceback(at.folder, base.slug, error)
    return replace(
        base,
        status=status,
        reason=reason,
        released=0,
        withheld=0,
        failed=base.total,
        reasons={},
        metrics={},
        by={},
        certificate=None,
    )


def died(at: RunContext, method: MethodPlan, times: int) -> Cell:
    """Return the row of a method in which the process died again and again: it is not tried once more in this run."""
    at.reporter.say(method.name)
    base = base_of(at, method)
    why = f"the process died {times} times while this method was at work (a crash in native code, no memory left, a kill)"
    return replace(nothing_released(at, base, PluginError(why)), grouping=method.grouping)


def withdrawn(cell: Cell, why: str) -> Cell:
    """Return a row of a method whose files changed after they were checked."""
    reason = f"its files changed after they were written: {why}"
    return replace(cell, status="refused", reason=reason, released=0, failed=cell.total - cell.withheld, certificate=None)
