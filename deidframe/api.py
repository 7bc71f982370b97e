"""Runs from Python: the same recipes, the same folders and the same figures as from the shell, as plain tables."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import escape

from deidframe.contract.errors import UsageError
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.planning.planner import plan
from deidframe.engine.run import run as run_plan
from deidframe.engine.run import stages_folder
from deidframe.engine.runtime.progress import Quiet, Reporter
from deidframe.engine.tools.lock import check_lock
from deidframe.host.catalogue import Catalogue
from deidframe.measure.registry import metric_of
from deidframe.recipe.packaged import find_recipe
from deidframe.recipe.parse import Parsed, load_recipe, parse
from deidframe.record.read import Record, read_run
from deidframe.record.schema import Cell
from deidframe.report import render
from deidframe.report.answer import answer, sharing
from deidframe.report.page import write_report
from deidframe.report.rows import rows
from deidframe.report.tables import attacks_of, comparison, ladder

COUNTS = ("k", "k_counted", "people", "groups", "total", "released", "withheld", "failed")
STYLE = (
    ".deidframe td, .deidframe th { text-align: right; padding: .2em .6em } .deidframe td:first-child { text-align: left }"
    " .deidframe .ci { color: #777; font-size: .85em } .deidframe .broken { color: #a30000 }"
    " .deidframe .note { display: block; color: #777; font-size: .85em }"
)
"""Of a run in a notebook."""
Row = dict[str, Any]
"""One line of a table."""


@dataclass(frozen=True)
class Run:
    """A finished run, read from its folder.

    Tables are lists of dicts with the same keys, so that `pandas.DataFrame(run.figures())` is one; pandas itself is not needed.

    Args:
        folder: of the run.
        record: its rows as they were written.
    """

    folder: Path
    record: Record

    @property
    def name(self) -> str:
        """Of the recipe."""
        return str(self.record.run["name"])

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"

    @property
    def answer(self) -> tuple[str, ...]:
        """What may be shared, what the strongest attack reached, what holds, at what loss, what was not tried."""
        return (*sharing(self.record), *answer(self.record))

    def methods(self) -> list[Row]:
        """Return a line for each method: status, counts, the strongest attack and the loss in every encoder."""
        known = {row.cell.method: row for row in rows(self.record)}
        out = []
        for cell in self.record.methods:
            row = known.get(cell.method)
            worst = row.worst if row else None
            line: Row = {"method": cell.method, "status": cell.status, "reason": cell.reason}
            line |= {name: getattr(cell, name) for name in COUNTS}
            line |= {"worst": _value(worst, "rank1"), "by": worst.attack if worst else None}
            line |= {name: _value(cell, name) for name in sorted(cell.metrics) if name.startswith(("loss.", "measure."))}
            out.append(line | {"broken": list(row.broken) if row else [], "seconds": cell.stages.get("method")})
        return _filled(out)

    def attacks(self) -> list[Row]:
        """Return a line for each method under each attack: threat, gallery, encoder, rank-1 with interval, chance and bound."""
        out = []
        for cell in self.record.cells:
            if cell.attack:
                names = ("method", "attack", "threat", "gallery", "encoder", "status", "reason", "candidates", "probes", "missed")
                line: Row = {name: getattr(cell, name) for name in names}
                figure = cell.metrics.get("rank1")
                low, high = (figure[end] if isinstance(figure, Mapping) else None for end in ("low", "high"))
                line |= {"rank1": _value(cell, "rank1"), "low": low, "high": high}
                out.append(line | {"chance": _value(cell, "chance1"), "bound": _value(cell, "bound1")})
        return out

    def figures(self) -> list[Row]:
        """Return every figure of every row, a line each: method, attack, column and class of people where there is one, value."""
        out = []
        for cell in self.record.cells:
            out += [_figure(cell, name, value) for name, value in sorted(cell.metrics.items())]
            for column, classes in cell.by.items():
                for kind, figures in classes.items():
                    out += [_figure(cell, name, value, column, kind) for name, value in sorted(figures.items())]
        return [self._of_plugin(line) for line in out]

    def _of_plugin(self, line: Row) -> Row:
        """Return a line with the unit and direction that a plugin gives its measure."""
        kind, _, name = line["metric"].partition(".")
        told = self.record.run.get("measures", {}).get(name) if kind in ("measure", "measure_ceiling") else None
        if told is None:
            return line
        better = f"{told['better']} is better" if told["better"] and kind == "measure" else "neither"
        return line | {"unit": told["unit"], "direction": better}

    def _repr_html_(self) -> str:
        """Show it in a notebook: the answer, the methods and every attack."""
        parts = [render.html(comparison(self.record, ladder_beside=True))] if rows(self.record) else []
        parts += [render.html(ladder(self.record))] if attacks_of(self.record) else []
        said = "".join(f"<p>{escape(one)}</p>" for one in self.answer)
        return f'<style>{STYLE}</style><div class="deidframe"><h3>{escape(self.name)}</h3>{said}{"".join(parts)}</div>'

    def __repr__(self) -> str:
        """Say which run it is and what it says."""
        return f"Run({str(self.folder)!r})\n" + "\n".join(f"  {one}" for one in self.answer)


def _value(cell: Cell | None, name: str) -> Any:
    found = cell.metrics.get(name) if cell is not None else None
    return found["value"] if isinstance(found, Mapping) else found


def _figure(cell: Cell, name: str, value: Any, column: str = "", kind: str = "") -> Row:
    known = metric_of(name)
    parts = value if isinstance(value, Mapping) else {"value": value}
    line: Row = {"method": cell.method, "attack": cell.attack, "metric": name, "column": column, "class": kind}
    line |= {part: parts.get(part) for part in ("value", "low", "high", "n")}
    return line | {"unit": known.unit if known else "", "direction": known.direction if known else ""}


def _filled(lines: list[Row]) -> list[Row]:
    """Return lines of the same keys, None where one has nothing."""
    keys = dict.fromkeys(key for line in lines for key in line)
    return [{key: line.get(key) for key in keys} for line in lines]


def load(folder: str | Path) -> Run:
    """Read a finished run.

    Args:
        folder: the run folder.

    Raises:
        UsageError: it holds no finished run, or a record is damaged.
    """
    record = read_run(Path(folder))
    if record.run.get("status") != "finished":
        raise UsageError(
            f"{str(folder)!r} is not finished ({record.run.get('status')}); run the same recipe again and it goes on"
        )
    return Run(Path(folder), record)


def run(
    recipe: str | Path,
    *,
    out: str | Path | None = None,
    set: Mapping[str, Any] | Sequence[str] = (),
    limit: int | None = None,
    sample: int | None = None,
    offline: bool = False,
    with_originals: bool = False,
    cache: bool = True,
    lock: str | Path | None = None,
    reporter: Reporter | None = None,
) -> Run:
    """Run a recipe and return the finished run; a run that is there already is taken up or read, as from the shell.

    Args:
        recipe: a TOML file, the name of a packaged recipe, or TOML text (anything with a line break).
        out: the run folder; `runs/NAME` without it.
        set: what to change in the recipe: `{"seed": 3, "source.params.path": "portraits"}`, or texts as `--set` takes them.
        limit, sample: so many pictures, the first ones or drawn by people.
        offline: fetch nothing.
        with_originals: keep thumbnails of real people under `private`.
        cache: keep and use what is slow to make.
        lock: refuse where code, versions or weights are not those of this file (`deidframe lock`).
        reporter: shows progress; nothing is shown without one.

    Raises:
        RecipeError: all that is wrong with the recipe; nothing ran. DeidframeError: as `deidframe run` says it. A method that
        fails is a row with its reason, and no exception. What is known to be weak about the recipe is a warning.
    """
    overrides = [f"{key}={_toml(value)}" for key, value in set.items()] if isinstance(set, Mapping) else list(set)
    text = str(recipe)
    parsed: Parsed = parse(text, "recipe", overrides) if "\n" in text else load_recipe(find_recipe(text), overrides)
    folder = Path(out) if out is not None else Path("runs") / parsed.recipe.name
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        planned = plan(parsed, Catalogue(), Path(scratch), limit, sample)
    for note in planned.notes:
        warnings.warn(note, stacklevel=2)
    if lock is not None:
        check_lock(Path(lock), planned)
    outcome = run_plan(
        planned,
        folder,
        reporter or Quiet(),
        offline=offline,
        with_originals=with_originals,
        cache=DiskCache(stages_folder()) if cache else None,
    )
    if not (outcome.found and (folder / "report.html").is_file()):
        write_report(folder)
    return load(folder)


def _toml(value: Any) -> str:
    """Return a value as `--set` reads it.

    Raises:
        UsageError: it is no value of TOML.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (str, Path)):
        escaped = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {_toml(one)}' for key, one in value.items())} }}"
    raise UsageError(f"set: {type(value).__name__} is no value of a recipe")
