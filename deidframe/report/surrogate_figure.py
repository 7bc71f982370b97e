"""Two figures of surrogates: how far they lie from the people they stand for, and what k does to loss and to attacks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from deidframe.record.schema import Cell
from deidframe.report.figure import FAINT, INK, SETTINGS, plain_axes, pyplot, style_of
from deidframe.report.grouping_figure import written
from deidframe.report.rows import Row

QUANTILES = ("p5", "q1", "median", "q3", "p95")


def distances(cells: Sequence[Cell], encoder: str, folder: Path | None) -> str:
    """Draw, for each method, the distances from people to what is released for them; return the SVG for the page.

    Returns:
        "" where nothing was measured in this encoder.
    """
    shown = [c for c in cells if f"distance_median.{encoder}" in c.metrics]
    if not shown:
        return ""
    mpl, plt = pyplot()
    with mpl.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(7.0, 0.9 + 0.32 * len(shown)), layout="constrained")
        boxes = []
        for cell in shown:
            low, first, middle, third, high = (float(cell.metrics[f"distance_{q}.{encoder}"]) for q in QUANTILES)
            boxes.append({"whislo": low, "q1": first, "med": middle, "q3": third, "whishi": high, "label": cell.method})
        places = list(range(len(boxes), 0, -1))
        drawn = axes.bxp(boxes, positions=places, orientation="horizontal", showfliers=False, widths=0.55)
        for part in ("boxes", "whiskers", "caps"):
            for line in drawn[part]:
                line.set_color(INK)
        for line in drawn["medians"]:
            line.set(color=style_of(1)[0], lw=2)
        limit = next((c.metrics.get(f"threshold.{encoder}") for c in shown if f"threshold.{encoder}" in c.metrics), None)
        top = len(boxes) + 0.6
        if limit is not None:
            axes.axvline(limit, color=FAINT, ls="--", lw=1)
            axes.annotate("one false accept in 1,000", (limit, top), color=INK, fontsize=8, ha="right", va="bottom")
        authors = next((c.metrics[key] for c in shown if (key := f"authors_threshold.{encoder}") in c.metrics), None)
        if authors is not None:
            axes.axvline(authors, color=FAINT, ls=":", lw=1)
            axes.annotate(" its authors' threshold", (authors, top), color=INK, fontsize=8, ha="left", va="bottom")
        axes.set_ylim(0.3, len(boxes) + 1.1)
        axes.set_xlim(0, None)
        axes.set_xlabel(f"distance from a face to what is released for it, in {encoder}", color=INK)
        plain_axes(axes)
        axes.tick_params(axis="y", labelcolor=INK)
        return written(plt, figure, folder, f"distances-{encoder}", f"distances-{encoder}-title")


def against_k(rows: Sequence[Row], encoder: str, folder: Path | None) -> str:
    """Draw loss and the strongest attack against k, one line a method that was swept over k; return the SVG.

    Returns:
        "" unless some method was tried with several k.
    """
    lines: dict[str, list[tuple[int, float, float]]] = {}
    for row in rows:
        stem = re.sub(r" k=\d+", "", row.cell.method)
        if row.cell.k and row.loss and row.worst and stem != row.cell.method:
            lines.setdefault(stem, []).append((row.cell.k, float(row.loss["value"]), float(row.worst.metrics["rank1"]["value"])))
    lines = {name: sorted(points) for name, points in lines.items() if len(points) > 1}
    if not lines:
        return ""
    mpl, plt = pyplot()
    with mpl.rc_context(SETTINGS):
        figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.8), layout="constrained")
        for place, (name, points) in enumerate(lines.items()):
            colour, mark = style_of(place)
            ks = [p[0] for p in points]
            left.plot(ks, [p[1] for p in points], color=colour, marker=mark, ms=5, lw=1.3, label=name)
            right.plot(ks, [p[2] for p in points], color=colour, marker=mark, ms=5, lw=1.3)
        every = sorted({p[0] for points in lines.values() for p in points})
        right.plot(every, [1 / k for k in every], color=FAINT, ls="--", lw=1)
        right.annotate("1/k", (every[0], 1 / every[0]), xytext=(6, 4), textcoords="offset points", color=INK, fontsize=8)
        left.set_ylabel(f"surrogate loss in {encoder}", color=INK)
        right.set_ylabel("matched right at rank 1, strongest attack", color=INK)
        for axes in (left, right):
            axes.set_xticks(every)
            axes.set_ylim(0, None)
            axes.set_xlabel("k, the least number of people in a group", color=INK)
            plain_axes(axes)
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
        return written(plt, figure, folder, "against-k", "against-k-title")
