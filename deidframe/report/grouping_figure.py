"""How the loss of a grouping grows with k, one line a clusterer."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

from deidframe.record.schema import Cell
from deidframe.report.figure import INK, SETTINGS, for_page, plain_axes, style_of


def loss_against_k(cells: Sequence[Cell], folder: Path | None) -> str:
    """Draw SSE for each person against k; return the SVG for the page, and write SVG and PDF into `folder`.

    Returns:
        "" unless some clusterer was tried with several k.
    """
    lines: dict[str, list[tuple[int, float]]] = {}
    for cell in cells:
        if cell.k and cell.status == "ok" and cell.people:
            lines.setdefault(re.sub(r" k=\d+", "", cell.method), []).append((cell.k, float(cell.metrics["sse"]) / cell.people))
    lines = {name: sorted(points) for name, points in lines.items() if len(points) > 1}
    if not lines:
        return ""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    with mpl.rc_context(SETTINGS):  # type: ignore[arg-type]
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
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            figure.savefig(folder / "loss-against-k.svg", metadata={"Date": None})
            figure.savefig(folder / "loss-against-k.pdf", metadata={"CreationDate": None})
        plt.close(figure)
    return for_page(buffer.getvalue(), "groupings-title")
