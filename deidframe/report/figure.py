"""The trade-off figure: what is lost against what an attacker still matches. Text stays text, colours become variables."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deidframe.environment import contain_libraries
from deidframe.report.rows import Row

METHOD_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#A58B00", "#555555")
"""Okabe and Ito's order; its yellow is darkened so that it can be read on white."""
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
INK, FAINT = "#1A1A1B", "#8A8A8B"
SEEN = 0.02
"""Two rates nearer than that would lie on each other in a figure."""


SETTINGS: dict[str, Any] = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10, "svg.hashsalt": "deidframe"}
"""Text stays text, and equal figures give equal bytes."""


def pyplot() -> tuple[Any, Any]:
    """Return `matplotlib` and its `pyplot`, imported here alone: it draws into memory, and its own folders lie in our cache."""
    contain_libraries()
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    return mpl, plt


def style_of(place: int) -> tuple[str, str]:
    """Return the colour and the mark that a method keeps on the whole page."""
    return METHOD_COLOURS[place % len(METHOD_COLOURS)], MARKS[(place + place // len(METHOD_COLOURS)) % len(MARKS)]


def trade_off(rows: Sequence[Row], guess: float | None, encoder: str, folder: Path | None) -> str:
    """Draw one point a method and return the SVG for the page; also write SVG and PDF into `folder`.

    Args:
        rows: of the comparison.
        guess: rank-1 of chance.
        encoder: in which loss and attack see.
        folder: for the files, or None.

    Returns:
        SVG text, or "" when no row has both figures.
    """
    points = [(n, row) for n, row in enumerate(rows) if row.loss and row.worst]
    if not points:
        return ""
    mpl, plt = pyplot()
    with mpl.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(7.0, 4.2), layout="constrained")
        reach = max(float(row.loss["high"]) for _, row in points if row.loss)
        right = max(1.5, reach * 1.05)
        levels: dict[float, list[str]] = {}
        for _, row in points:
            if row.cell.k and row.cell.k_counted:
                levels.setdefault(1 / row.cell.k_counted, []).append(f"k = {row.cell.k_counted}")
        for level, names in sorted(levels.items()):
            axes.axhline(level, color=FAINT, lw=1, ls="--", zorder=1)
            label = f"1/k, {names[0]}: {level:.2f}"
            axes.annotate(label, (0, level), xytext=(2, 3), textcoords="offset points", color=INK, fontsize=8)
        if guess is not None:
            axes.axhline(guess, color=FAINT, lw=1, ls=":", zorder=1)
            axes.annotate(f"chance: {guess:.2f}", (0, guess), xytext=(2, 3), textcoords="offset points", color=INK, fontsize=8)
        for n, row in points:
            _naive(axes, n, row)
            _point(axes, n, row)
        _sweeps(axes, points)
        axes.set_xlim(-0.03, right)
        axes.set_ylim(-0.03, 1.06)
        _labels(axes, points)
        axes.set_xlabel(f"surrogate loss: distance from a face to what is released for it, in {encoder}", color=INK)
        axes.set_ylabel("matched right at rank 1, strongest attack", color=INK)
        plain_axes(axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            figure.savefig(folder / "trade-off.svg", metadata={"Date": None})
            figure.savefig(folder / "trade-off.pdf", metadata={"CreationDate": None})
        plt.close(figure)
    return for_page(buffer.getvalue(), "trade-off-title")


def plain_axes(axes: Any) -> None:
    """Leave of the frame what is needed: two axes and a faint grid."""
    axes.grid(color=FAINT, alpha=0.18, lw=0.6)
    axes.tick_params(colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)


def _point(axes: Any, place: int, row: Row) -> None:
    worst = row.worst
    if row.loss is None or worst is None:
        return
    colour, mark = style_of(place)
    x, y = row.loss, worst.metrics["rank1"]
    axes.errorbar(
        [x["value"]],
        [y["value"]],
        xerr=[[x["value"] - x["low"]], [x["high"] - x["value"]]],
        yerr=[[max(0, y["value"] - y["low"])], [max(0, y["high"] - y["value"])]],
        fmt=mark,
        color=colour,
        ms=7,
        lw=1.2,
        capsize=0,
        zorder=3,
    )


def _naive(axes: Any, place: int, row: Row) -> None:
    """Draw in grey, where it is another attack than the worst, how private the method would seem to who tried no more."""
    if row.loss is None or row.worst is None or row.naive is None:
        return
    x, top, seeming = row.loss["value"], row.worst.metrics["rank1"]["value"], row.naive.metrics["rank1"]["value"]
    if top - seeming < SEEN:
        return
    axes.plot([x, x], [seeming, top], color=FAINT, lw=0.8, zorder=1.5)
    axes.plot([x], [seeming], color=FAINT, marker=style_of(place)[1], ms=5, mfc="none", zorder=1.5)


def _labels(axes: Any, points: Sequence[tuple[int, Row]]) -> None:
    """Write each method's name beside its point, on the side and at the height where it covers the least."""
    from matplotlib.transforms import Bbox

    figure = axes.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    frame = axes.get_window_extent(renderer)
    taken = [text.get_window_extent(renderer) for text in axes.texts]
    for _, row in points:
        if row.loss and row.worst:
            x, y = axes.transData.transform((row.loss["value"], row.worst.metrics["rank1"]["value"]))
            taken.append(Bbox.from_bounds(x - 6, y - 6, 12, 12))
    for place, row in points:
        if not (row.loss and row.worst):
            continue
        at = (row.loss["value"], row.worst.metrics["rank1"]["value"])
        best: tuple[float, Any, Any] | None = None
        for dx, dy, ha in _OFFSETS:
            text = axes.annotate(
                row.cell.method,
                at,
                xytext=(dx, dy),
                textcoords="offset points",
                color=style_of(place)[0],
                fontsize=9,
                ha=ha,
                va="center",
            )
            box = text.get_window_extent(renderer)
            outside = max(0.0, box.x1 - frame.x1) + max(0.0, frame.x0 - box.x0) + max(0.0, box.y1 - frame.y1)
            cost = 50 * outside + sum(_shared(box, other) for other in taken) + 0.5 * (abs(dx) + abs(dy))
            if best is None or cost < best[0]:
                if best is not None:
                    best[1].remove()
                best = (cost, text, box)
            else:
                text.remove()
        if best is not None:
            taken.append(best[2])


_OFFSETS = tuple((dx, dy, "left" if dx > 0 else "right") for dy in (8, -9, 20, -21, 33, 46, 59) for dx in (8, -8))


def _shared(a: Any, b: Any) -> float:
    """Return the area that two boxes share, in pixels."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return float(width * height) if width > 0 and height > 0 else 0.0


def _sweeps(axes: Any, points: Sequence[tuple[int, Row]]) -> None:
    """Join the points of one method swept over k."""
    families: dict[str, list[tuple[float, float]]] = {}
    for _, row in points:
        stem = re.sub(r" k=\d+$", "", row.cell.method)
        if stem != row.cell.method and row.loss and row.worst:
            families.setdefault(stem, []).append((row.loss["value"], row.worst.metrics["rank1"]["value"]))
    for line in families.values():
        if len(line) > 1:
            axes.plot(*zip(*line, strict=True), color=FAINT, lw=1, zorder=2)


def for_page(svg: str, title: str) -> str:
    """Return the SVG element, labelled by the element `title`, with its colours replaced by CSS variables."""
    out = svg[svg.index("<svg") :]
    out = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', f'role="img" aria-labelledby="{title}"', out, count=1)
    replacements = {INK: "var(--ink)", FAINT: "var(--faint)", **{c: f"var(--m{n})" for n, c in enumerate(METHOD_COLOURS)}}
    for colour, variable in replacements.items():
        out = re.sub(re.escape(colour), variable, out, flags=re.IGNORECASE)
    return re.sub(r"<metadata>.*?</metadata>", "", out, flags=re.DOTALL)
