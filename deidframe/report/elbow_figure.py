"""An elbow as a picture and as a table."""

from __future__ import annotations

import io
import json

from deidframe.record.read import Record
from deidframe.record.write import write_bytes
from deidframe.report.figure import FAINT, INK, METHOD_COLOURS, SETTINGS, plain_axes, pyplot


def elbow_png(x: list[float], y: list[float], x_label: str, y_label: str, place: int, title: str) -> bytes:
    """Return a PNG of the curve with its knee marked and named."""
    mpl, plt = pyplot()
    with mpl.rc_context(SETTINGS):
        figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
        axes.plot(x, y, color=METHOD_COLOURS[0], lw=1.6, marker="o" if len(x) < 60 else None, ms=4)
        axes.axvline(x[place], color=FAINT, lw=1, ls="--")
        axes.plot([x[place]], [y[place]], marker="o", ms=8, color=METHOD_COLOURS[1])
        left = x[place] < (x[0] + x[-1]) / 2
        axes.annotate(
            f"{x[place]:.4g}, {y[place]:.4g}",
            (x[place], y[place]),
            xytext=(10 if left else -10, 10),
            textcoords="offset points",
            color=INK,
            ha="left" if left else "right",
        )
        axes.set_title(title, loc="left", color=INK, fontsize=11)
        axes.set_xlabel(x_label, color=INK)
        axes.set_ylabel(y_label, color=INK)
        axes.set_ylim(0, None)
        plain_axes(axes)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
        plt.close(figure)
    return buffer.getvalue()


def elbow_csv(x: list[float], y: list[float], x_label: str, y_label: str, place: int) -> str:
    """Return the curve as lines, the knee marked in a third column."""
    lines = [f"{x_label.split(',')[0]},{y_label},knee"]
    lines += [f"{a:.6g},{b:.6g},{int(n == place)}" for n, (a, b) in enumerate(zip(x, y, strict=True))]
    return "\n".join(lines) + "\n"


def draw_elbows(record: Record) -> dict[str, str]:
    """Write a PNG beside each elbow's data and return the tables by file name."""
    tables = {}
    for path in sorted((record.folder / "figures").glob("elbow-*.json")):
        data = json.loads(path.read_text("utf-8"))
        if data["error"]:
            continue
        curve = (data["x"], data["y"], data["x_label"], data["y_label"], data["place"])
        write_bytes(path.with_suffix(".png"), elbow_png(*curve, data["title"]))
        tables[f"{path.stem}.csv"] = elbow_csv(*curve)
    return tables
