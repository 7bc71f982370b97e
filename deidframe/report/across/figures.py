"""The figures of a comparison over runs: who is beaten by nobody, and whose mean ranks are told apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deidframe.measure.ranking import Ranking, cliques
from deidframe.report.across.contenders import Database
from deidframe.report.figure import FAINT, INK, SETTINGS, plain_axes, pyplot, style_of
from deidframe.report.grouping_figure import written


def front(database: Database, name: str, folder: Path | None) -> str:
    """Draw loss against the strongest attack, a point a method and seed, those of the front joined; "" without points."""
    places = {c.label: n for n, c in enumerate(database.contenders)}
    shown = [c for c in database.contenders if c.each]
    if not shown:
        return ""
    mpl, plt = pyplot()
    with mpl.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(7.6, 5.0), layout="constrained")
        leaders = []
        for c in shown:
            colour, mark = style_of(places[c.label])
            points = np.array(list(c.each.values()))
            axes.plot(points[:, 1], points[:, 0], color=colour, marker=mark, ls="", ms=4, alpha=0.45)
            y, x = points.mean(axis=0)
            axes.plot([x], [y], color=colour, marker=mark, ms=7, ls="", label=c.label)
            if c.leads:
                leaders.append((x, y))
        if len(leaders) > 1:
            steps = np.array(sorted(leaders))
            axes.step(steps[:, 0], steps[:, 1], where="post", color=FAINT, lw=1.2, ls="--", zorder=1)
        axes.set_xlim(0, None)
        axes.set_ylim(-0.02, 1.04)
        axes.set_xlabel(f"surrogate loss in {database.judges[0]}", color=INK)
        axes.set_ylabel("rank-1, strongest common attack", color=INK)
        plain_axes(axes)
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
        return written(plt, figure, folder, name, f"{name}-title")


def critical_difference(names: Sequence[str], found: Ranking, name: str, folder: Path | None) -> str:
    """Draw mean ranks on a line, with a bar over those that are not told apart; "" where there was no test.

    Source: Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 2006, figure 1.
    """
    if found.critical is None or len(names) < 3:
        return ""
    order = np.argsort(found.mean, kind="stable")
    mean = found.mean[order]
    together = cliques(mean, found.critical)
    half = (len(names) + 1) // 2
    mpl, plt = pyplot()
    with mpl.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(7.6, 1.0 + 0.24 * (half + len(together))), layout="constrained")
        axes.set_xlim(0.6, len(names) + 0.4)
        down = 0.5 + 0.32 * len(together)
        axes.set_ylim(-(down + half * 0.5 + 0.3), 1.0)
        axes.axhline(0, color=INK, lw=1)
        for rank in range(1, len(names) + 1):
            axes.plot([rank, rank], [0, 0.12], color=INK, lw=1)
            axes.annotate(str(rank), (rank, 0.16), ha="center", va="bottom", fontsize=8, color=INK)
        axes.plot([1, min(1 + found.critical, len(names))], [0.75, 0.75], color=INK, lw=1.5)
        axes.annotate(f"critical difference {found.critical:.2f}", (1, 0.8), fontsize=8, color=INK, va="bottom")
        for n, (first, last) in enumerate(together):
            axes.plot([mean[first] - 0.04, mean[last] + 0.04], [-0.25 - 0.32 * n] * 2, color=FAINT, lw=3)
        for n, place in enumerate(order):
            left = n < half
            level = -(down + (n if left else len(order) - 1 - n) * 0.5)
            end = 0.65 if left else len(names) + 0.35
            axes.plot([mean[n], mean[n], end], [0, level, level], color=FAINT, lw=0.8)
            words = f"{names[place]}  {mean[n]:.1f}"
            axes.annotate(words, (end, level + 0.04), ha="left" if left else "right", va="bottom", fontsize=8, color=INK)
        axes.axis("off")
        return written(plt, figure, folder, name, f"{name}-title")
