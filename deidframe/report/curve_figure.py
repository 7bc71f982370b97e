"""CMC and DET of every method under the attack that reached most, beside untouched faces and guessing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.recipe.parse import slug
from deidframe.record.read import Record
from deidframe.record.schema import Cell
from deidframe.report.figure import FAINT, INK, SETTINGS, plain_axes, pyplot, style_of
from deidframe.report.grouping_figure import written
from deidframe.report.rows import rows

RATES = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99)
"""Error rates at which the DET's axes have a mark."""
LEAST = 1e-4
"""Error rates are drawn from here to one less it: at 0 and 1 the normal deviate has no place for them."""


def curves(record: Record, folder: Path | None) -> str:
    """Draw the two panels and return the SVG for the page; also write SVG and PDF into `folder`.

    Returns:
        "" where no attack left a curve.
    """
    shown = [(n, row.cell.method, row.worst) for n, row in enumerate(rows(record)) if row.worst is not None]
    known = [(n, name, curve) for n, name, cell in shown if cell is not None and (curve := _read(record, cell))]
    if not known:
        return ""
    clear = next((curve for cell in record.clear if (curve := _read(record, cell))), None)
    mpl, plt = pyplot()
    with mpl.rc_context(SETTINGS):
        figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 4.3), layout="constrained")
        if clear is not None:
            _draw(left, right, clear, "untouched faces", color=FAINT, ls="--", lw=1.2)
        for n, name, curve in known:
            _draw(left, right, curve, name, color=style_of(n)[0], marker=style_of(n)[1], lw=1.3, ms=4)
        last = max(curve["rank"][-1] for _, _, curve in known)
        ranks = np.geomspace(1, last, 60)
        left.plot(ranks, ranks / last, color=FAINT, ls=":", lw=1)
        left.set(xscale="log", xlim=(1, last), ylim=(0, 1.03))
        left.set_xlabel("rank r (logarithmic)", color=INK)
        left.set_ylabel("right person among the first r", color=INK)
        marks = _deviate(RATES)
        right.set_xticks(marks, [f"{rate:g}" for rate in RATES])
        right.set_yticks(marks, [f"{rate:g}" for rate in RATES])
        ends = _deviate((LEAST, 1 - LEAST))
        right.plot(ends, ends[::-1], color=FAINT, ls=":", lw=1)
        right.set(xlim=tuple(ends), ylim=tuple(ends))
        right.set_xlabel("others accepted (normal deviate)", color=INK)
        right.set_ylabel("own rejected (normal deviate)", color=INK)
        for axes in (left, right):
            plain_axes(axes)
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
        return written(plt, figure, folder, "curves", "curves-title")


def _draw(left: Any, right: Any, curve: dict[str, list[float]], name: str, **look: Any) -> None:
    left.plot(curve["rank"], curve["rate"], label=name, markevery=0.25, **look)
    if curve.get("far"):
        right.plot(_deviate(curve["far"]), _deviate(curve["frr"]), markevery=0.25, **look)


def _deviate(rates: Sequence[float]) -> NDArray[np.float64]:
    """Return the normal deviates of error rates, on which the DET of two normal distributions is a straight line."""
    from scipy.special import ndtri

    return np.asarray(ndtri(np.clip(rates, LEAST, 1 - LEAST)))


def _read(record: Record, cell: Cell) -> dict[str, list[float]] | None:
    """Return the points of one attack's curves, None where it left none."""
    path = record.folder / "figures" / "attacks" / cell.slug / f"{slug(cell.attack)}.json"
    if not path.is_file():
        return None
    found: dict[str, list[float]] = json.loads(path.read_text("utf-8"))
    return found if found.get("rank") else None
