"""The curve of a morph as a picture and as a table."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from deidframe.report.figure import INK, SETTINGS, plain_axes, pyplot, style_of

Curve = Mapping[str, NDArray[np.float64]]


def morph_png(alphas: NDArray[np.float64], to_a: Curve, to_b: Curve) -> bytes:
    """Return a PNG: distance to A (filled marks) and to B (open marks) against alpha, one colour an encoder."""
    mpl, plt = pyplot()
    with mpl.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
        for place, name in enumerate(to_a):
            colour, mark = style_of(place)
            axes.plot(alphas, to_a[name], color=colour, marker=mark, label=f"to A, {name}")
            axes.plot(alphas, to_b[name], color=colour, marker=mark, mfc="white", ls="--", label=f"to B, {name}")
        axes.set_xlabel("alpha: 0 stands for A, 1 for B", color=INK)
        axes.set_ylabel("distance of unit encodings", color=INK)
        axes.set_ylim(0, None)
        axes.legend(frameon=False, fontsize=8)
        plain_axes(axes)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
        plt.close(figure)
    return buffer.getvalue()


def morph_csv(alphas: NDArray[np.float64], to_a: Curve, to_b: Curve) -> str:
    """Return one line for each encoder and alpha; a distance is empty where no face was found."""
    lines = ["encoder,alpha,to_a,to_b"]
    for name in to_a:
        for alpha, far, near in zip(alphas, to_a[name], to_b[name], strict=True):
            lines.append(f"{name},{alpha:.4g},{_cell(far)},{_cell(near)}")
    return "\n".join(lines) + "\n"


def _cell(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.5f}"
