"""A grouping in four panels: sizes, distances between groups, and two maps of the encodings coloured by group."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from deidframe.record.read import Record
from deidframe.record.write import write_bytes
from deidframe.report.figure import FAINT, INK, METHOD_COLOURS, SETTINGS, plain_axes, pyplot
from deidframe.report.rows import groupings, most_tried_k

HOME = Path("figures") / "groupings"


def draw_groupings(record: Record) -> None:
    """Write a PNG beside each grouping's data, for the groupings that the page shows."""
    for cell in groupings(record):
        data = record.folder / HOME / f"{cell.slug}.json"
        if data.is_file() and shown_on_page(record, cell.k):
            picture = panels(json.loads(data.read_text("utf-8")))
            write_bytes(data.with_suffix(".png"), picture)


def shown_on_page(record: Record, k: int | None) -> bool:
    """Return whether groupings of this k are drawn: one k of a sweep is enough to see how clusterers differ."""
    return k is None or k == most_tried_k(groupings(record))


def panels(data: dict[str, Any]) -> bytes:
    """Return a PNG of the four panels.

    Args:
        data: sizes, distances, labels, pca, tsne as `engine` wrote them.
    """
    mpl, plt = pyplot()
    labels = np.array(data["labels"], np.int64)
    with mpl.rc_context(SETTINGS | {"font.size": 8}):
        figure, axes = plt.subplots(1, 4, figsize=(9.6, 2.5), layout="constrained")
        _sizes(axes[0], data["sizes"])
        _distances(figure, axes[1], np.array(data["distances"], float))
        for at, key, title in ((axes[2], "pca", "first two components"), (axes[3], "tsne", "t-SNE")):
            _map(at, np.array(data[key], float).reshape(-1, 2), labels)
            at.set_title(title, loc="left", color=INK, fontsize=8)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110, facecolor="white", metadata={"Software": None})
        plt.close(figure)
    return buffer.getvalue()


def _sizes(axes: Any, sizes: list[int]) -> None:
    top = max(sizes, default=1)
    step = max(1, -(-top // 24))
    edges = np.arange(0.5, top + step + 0.5, step)
    axes.hist(sizes, bins=edges, color=METHOD_COLOURS[0], rwidth=0.9)
    axes.set_title("how many groups have a size", loc="left", color=INK, fontsize=8)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.xaxis.get_major_locator().set_params(integer=True)
    plain_axes(axes)


def _distances(figure: Any, axes: Any, far: Any) -> None:
    axes.set_title(f"mean distance, {len(far)} largest groups", loc="left", color=INK, fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])
    if len(far):
        shown = axes.imshow(far, cmap="viridis", vmin=0, interpolation="nearest")
        bar = figure.colorbar(shown, ax=axes, shrink=0.9)
        bar.outline.set_visible(False)


def _map(axes: Any, points: Any, labels: Any) -> None:
    noise = labels < 0
    axes.scatter(*points[noise].T, s=5, color=FAINT, marker="x", lw=0.6)
    # neighbouring numbers get unlike hues: the golden ratio spreads them over the circle
    mpl, _ = pyplot()
    hues = (labels[~noise] * 0.61803398875) % 1
    values = 0.55 + 0.3 * ((labels[~noise] * 0.381966) % 1)
    axes.scatter(*points[~noise].T, s=7, lw=0, c=mpl.colors.hsv_to_rgb(np.column_stack([hues, np.full(len(hues), 0.75), values])))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", "datalim")
    for spine in axes.spines.values():
        spine.set_color("#DDDDDD")
