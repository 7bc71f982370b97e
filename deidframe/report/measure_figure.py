"""The figure of a plugin's measure: every method's mean and interval, beside that of untouched faces, moved a little."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deidframe.record.read import Record
from deidframe.record.schema import Cell
from deidframe.report.figure import FAINT, INK, SETTINGS, plain_axes, pyplot, style_of
from deidframe.report.grouping_figure import written
from deidframe.report.tables import measured_names

WAYS = {"lower": "lower is better", "higher": "higher is better"}


def measure_figures(record: Record, folder: Path | None) -> list[tuple[str, str, str]]:
    """Draw each measure of which there is a figure.

    Returns:
        Name, what it measures, and the SVG for the page.
    """
    out = []
    for name in measured_names(record):
        facts = record.run.get("measures", {}).get(name, {})
        shown = [(n, cell) for n, cell in enumerate(record.methods) if f"measure.{name}" in cell.metrics]
        if shown:
            out.append((name, str(facts.get("summary", "")), _drawn(name, facts, shown, folder)))
    return out


def _drawn(name: str, facts: dict[str, str], shown: Sequence[tuple[int, Cell]], folder: Path | None) -> str:
    mpl, plt = pyplot()
    with mpl.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(7.0, 0.9 + 0.3 * len(shown)), layout="constrained")
        for place, (number, cell) in enumerate(shown):
            one, (colour, mark) = cell.metrics[f"measure.{name}"], style_of(number)
            reach = [[one["value"] - one["low"]], [one["high"] - one["value"]]]
            axes.errorbar([one["value"]], [-place], xerr=reach, fmt=mark, color=colour, ms=6, lw=1.3)
        ceiling = next((c.metrics[key] for _, c in shown if (key := f"measure_ceiling.{name}") in c.metrics), None)
        if ceiling is not None:
            axes.axvline(ceiling, color=FAINT, ls="--", lw=1)
            axes.annotate(" untouched, moved a little", (ceiling, 0.55), color=INK, fontsize=8, va="bottom")
        axes.set_yticks([-place for place in range(len(shown))], [cell.method for _, cell in shown])
        axes.set_ylim(0.5 - len(shown), 1.1)
        unit, way = facts.get("unit", ""), WAYS.get(facts.get("better", ""), "")
        axes.set_xlabel(": ".join(part for part in (name, "; ".join(p for p in (unit, way) if p)) if part), color=INK)
        plain_axes(axes)
        axes.tick_params(axis="y", labelcolor=INK)
        return written(plt, figure, folder, f"measure-{name}", f"measure-{name}-title")
