"""What groupings cost: loss against k, and loss against time, one line or mark a clusterer."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deidframe.record.schema import Cell
from deidframe.report.figure import INK, SETTINGS, for_page, plain_axes, pyplot, style_of
from deidframe.report.rows import most_tried_k


def loss_against_k(cells: Sequence[Cell], folder: Path | None) -> str:
    """Draw SSE for each person against k; return the SVG for the page, and write SVG and PDF into `folder`.

    Returns:
        "" unless some clusterer was tried with several k.
    """
    lines = _families(cells)
    if not lines:
        return ""
    mpl, plt = pyplot()
    with mpl.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(7.0, 4.2), layout="constrained")
        ends = []
        for place, (name, points) in enumerate(sorted(lines.items(), key=lambda item: -item[1][-1][1])):
            colour, mark = style_of(place)
            axes.plot(*zip(*points, strict=True), color=colour, marker=mark, ms=5, lw=1.3)
            ends.append((points[-1][1], name, colour))
        largest = max(k for points in lines.values() for k, _ in points)
        axes.set_ylim(0, None)
        low, high = axes.get_ylim()
        step = (high - low) / 22  # names at the lines' ends, pushed apart where lines end close together
        at = float("inf")
        for value, name, colour in ends:
            at = min(value, at - step)
            axes.annotate(
                name, (largest, value), xytext=(largest * 1.03, at), color=colour, fontsize=9, va="center", annotation_clip=False
            )
        axes.set_xlim(0, largest * 1.35)
        axes.set_xticks(sorted({k for points in lines.values() for k, _ in points}))
        axes.set_xlabel("k, the least number of people in a group", color=INK)
        axes.set_ylabel("SSE for each person", color=INK)
        plain_axes(axes)
        return written(plt, figure, folder, "loss-against-k", "groupings-title")


def time_against_loss(cells: Sequence[Cell], folder: Path | None) -> str:
    """Draw, at the largest k that most clusterers were tried with, SSE for each person against seconds, on a log axis.

    Returns:
        SVG for the page, "" with fewer than three clusterers.
    """
    done = [c for c in cells if c.k and c.status == "ok" and c.people and not c.metrics["noise_share"]]
    if not done:
        return ""
    k = most_tried_k(done)
    families = sorted(_families(cells).items(), key=lambda item: -item[1][-1][1])
    place_of = {name: place for place, (name, _) in enumerate(families)}
    points = sorted((c for c in done if c.k == k), key=lambda c: float(c.metrics["sse"]))
    if len(place_of) >= 3:  # those of the other figure, in its colours; a table has the rest
        points = [c for c in points if _stem(c.method) in place_of]
    if len(points) < 3:
        return ""
    mpl, plt = pyplot()
    with mpl.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(7.0, 4.2), layout="constrained")
        seconds = [max(sum(c.stages.values()), 1e-3) for c in points]
        losses = [float(c.metrics["sse"]) / c.people for c in points]
        step = max(max(losses) - min(losses), 1e-9) / 16
        at = -float("inf")
        for cell, x, y in zip(points, seconds, losses, strict=True):
            name = _stem(cell.method)
            colour, mark = style_of(place_of.get(name, len(place_of)))
            axes.plot([x], [y], marker=mark, color=colour, ms=7)
            at = max(y, at + step)  # names from below, pushed apart
            axes.annotate(
                name, (x, y), xytext=(max(seconds) * 1.6, at), color=colour, fontsize=9, va="center", annotation_clip=False
            )
        axes.set_xscale("log")
        axes.set_xlim(min(seconds) / 1.6, max(seconds) * 12)
        axes.set_xlabel(f"seconds for k = {k} (at least 0.001, log axis)", color=INK)
        axes.set_ylabel("SSE for each person", color=INK)
        plain_axes(axes)
        return written(plt, figure, folder, "time-against-loss", "times-title")


def _stem(method: str) -> str:
    """Return a swept method's name without its k."""
    return re.sub(r" k=\d+", "", method)


def _families(cells: Sequence[Cell]) -> dict[str, list[tuple[int, float]]]:
    """Return, for each clusterer that was tried with several k, its (k, SSE for each person), by k."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for cell in cells:
        if cell.k and cell.status == "ok" and cell.people:
            lines.setdefault(_stem(cell.method), []).append((cell.k, float(cell.metrics["sse"]) / cell.people))
    return {name: sorted(points) for name, points in lines.items() if len(points) > 1}


def written(plt: Any, figure: Any, folder: Path | None, name: str, title: str) -> str:
    """Return the figure as SVG for the page, after writing SVG and PDF into the folder."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None})
    plt.close(figure)
    return for_page(buffer.getvalue(), title)
