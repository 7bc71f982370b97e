"""The explorer: one offline page of where people lie before and after each method, and whom each attack took them for."""

from __future__ import annotations

import base64
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.errors import UsageError
from deidframe.recipe.parse import slug
from deidframe.record.private import people_of, read_arrays
from deidframe.record.read import Record, read_run
from deidframe.record.write import write_bytes
from deidframe.report.assets import asset, environment, script_hash

HOME = Path("private") / "explore"
MAPPED = 2_000
"""People that a t-SNE is made of; of more so many are taken evenly. It takes some 15 seconds a method and encoder."""
GUESSES = 400_000
"""Guesses of attacks that the page holds, the strongest attacks first."""
PICTURES = 24 * 2**20
"""Bytes of thumbnails that the page holds."""
SEED = 0
SIDES = ("before", "after", "spread_before", "spread_after")


@dataclass(frozen=True)
class Kept:
    """What a run kept of one method for the explorer.

    Args:
        name: of the method.
        arrays: of the file; see `keep_for_explorer`.
    """

    name: str
    arrays: dict[str, NDArray[Any]]


def write_explorer(folder: Path, *, maps: bool = True) -> list[Path]:
    """Write `private/explore.html`, and `explore.html` where nobody in it exists, and return where.

    Args:
        folder: the run folder.
        maps: also make t-SNE maps, which take most of the time.

    Raises:
        UsageError: the run kept nothing to explore, or what it kept is damaged.
    """
    record = read_run(folder)
    there = [(cell.method, folder / HOME / f"{cell.slug}.npz") for cell in record.methods]
    methods = [Kept(name, _read(path)) for name, path in there if path.is_file()]
    if not methods:
        raise UsageError(
            f"{str(folder)!r} kept nothing to explore: it is of an earlier version, was purged, or released nothing that an"
            " encoder saw"
        )
    data = _data(record, methods, maps=maps)
    fictitious = bool(record.run.get("source", {}).get("fictitious"))
    text = (
        environment()
        .get_template("explore.html.j2")
        .render(
            name=record.run["name"],
            fictitious=fictitious,
            people=len(data["people"]),
            whole=int(record.run.get("source", {}).get("people", 0)),
            data=json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
            style=asset("style.css") + asset("explore.css"),
            script=asset("explore.js"),
            script_hash=script_hash(asset("explore.js")),
        )
        .encode("utf-8", "replace")
    )
    written = [folder / "private" / "explore.html"]
    write_bytes(written[0], text, private=True)
    if fictitious:
        written.append(folder / "explore.html")
        write_bytes(written[1], text)
    return written


def _read(path: Path) -> dict[str, NDArray[Any]]:
    arrays = read_arrays(path)
    try:
        people = len(arrays["people"])
        for name in arrays["encoders"].tolist():
            if not (len(arrays[f"before_{name}"]) == len(arrays[f"after_{name}"]) == people == len(arrays["group"])):
                raise ValueError("its tables have different lengths")
            if not all(np.isfinite(arrays[f"{side}_{name}"]).all() for side in SIDES):
                raise ValueError("a figure in it is not finite")
    except (ValueError, KeyError) as error:
        raise UsageError(f"{str(path)!r} is damaged: {error}") from None
    return arrays


def _data(record: Record, methods: list[Kept], *, maps: bool) -> dict[str, Any]:
    """Return what the page's script draws: people by number, and for each method and encoder their places and distances."""
    every = sorted({person for kept in methods for person in kept.arrays["people"].tolist()})
    number = {person: n for n, person in enumerate(every)}
    kinds = _kinds(record.folder, every)
    pictures = _Pictures()
    out = []
    left = GUESSES
    for kept in methods:
        arrays = kept.arrays
        rows = [number[person] for person in arrays["people"].tolist()]
        spaces = []
        for encoder in arrays["encoders"].tolist():
            before, after = (np.asarray(arrays[f"{name}_{encoder}"], np.float64) for name in ("before", "after"))
            moved = np.linalg.norm(before - after, axis=1)
            was, now = (np.asarray(arrays[f"spread_{name}_{encoder}"], np.float64) for name in ("before", "after"))
            collapse = np.where(was > 0, now / np.maximum(was, 1e-9), 1.0)
            spaces.append(
                {
                    "encoder": encoder,
                    "pca": _pca(before, after),
                    "tsne": _tsne(before, after) if maps else None,
                    "moved": _short(moved, 3),
                    "collapse": _short(collapse, 3),
                }
            )
        guesses, left = _guesses(record, kept.name, number, left)
        out.append(
            {
                "name": kept.name,
                "people": rows,
                "group": arrays["group"].tolist(),
                "spaces": spaces,
                "shown": pictures.of(arrays, "shown"),
                "originals": pictures.of(arrays, "originals"),
                "attacks": guesses,
            }
        )
    return {"people": every, "kinds": kinds, "methods": out, "pictures": pictures.uris, "left_out": pictures.left_out}


def _kinds(folder: Path, people: list[str]) -> dict[str, list[str]]:
    """Return attribute -> value of each person, "" where it is not known."""
    path = folder / HOME / "attributes.json"
    if not path.is_file():
        return {}
    found: dict[str, dict[str, str]] = json.loads(path.read_text("utf-8", "surrogateescape"))
    return {name: [of.get(person, "") for person in people] for name, of in found.items()}


def _pca(before: NDArray[np.float64], after: NDArray[np.float64]) -> dict[str, Any]:
    """Return both in the two directions in which the untouched people differ most."""
    middle = before.mean(axis=0)
    axes = np.linalg.svd(before - middle, full_matrices=False)[2][:2]
    return _pair((before - middle) @ axes.T, (after - middle) @ axes.T, np.arange(len(before)))


def _tsne(before: NDArray[np.float64], after: NDArray[np.float64]) -> dict[str, Any] | None:
    """Return a t-SNE of both together, of a part of many people; None of too few.

    Source: L. van der Maaten, G. Hinton, Visualizing data using t-SNE, JMLR 9, 2008 (scikit-learn's).
    """
    rows = np.unique(np.linspace(0, len(before) - 1, min(MAPPED, len(before))).astype(np.int64))
    both = np.concatenate([before[rows], after[rows]])
    if len(both) < 8 or not np.ptp(both, axis=0).any():
        return None
    from sklearn.manifold import TSNE

    places = TSNE(2, perplexity=min(30.0, (len(both) - 1) / 3), init="pca", random_state=SEED).fit_transform(both)
    return _pair(places[: len(rows)], places[len(rows) :], rows)


def _pair(before: NDArray[Any], after: NDArray[Any], rows: NDArray[np.int64]) -> dict[str, Any]:
    """Return places scaled together into 0 to 999."""
    both = np.concatenate([before, after])
    low, reach = both.min(axis=0), max(float(np.ptp(both, axis=0).max()), 1e-9)
    one, other = (np.round(999 * (part - low) / reach).astype(int) for part in (before, after))
    return {"rows": rows.tolist(), "before": one.ravel().tolist(), "after": other.ravel().tolist()}


def _short(values: NDArray[np.float64], decimals: int) -> list[float]:
    return [round(float(one), decimals) for one in values]


def _guesses(record: Record, method: str, number: dict[str, int], left: int) -> tuple[list[dict[str, Any]], int]:
    """Return, for each attack on a method, whom it took each person's first picture for, with what score, and whether rightly."""
    person_of = _people_of(record, method)
    attacks = [cell for cell in record.attacks_on(method) if "rank1" in cell.metrics]
    out = []
    for cell in sorted(attacks, key=lambda one: -float(one.metrics["rank1"]["value"])):
        path = record.folder / "private" / "scores" / cell.slug / f"{slug(cell.attack)}.npz"
        if not path.is_file() or left <= 0:
            continue
        kept = read_arrays(path)
        probes, gallery, columns, scores = (kept[name] for name in ("probes", "gallery", "columns", "scores"))
        people: dict[int, list[Any]] = {}
        for row, probe in enumerate(probes.tolist()):
            who = number.get(person_of.get(probe, ""))
            if who is None or who in people or not columns.shape[1] or columns[row, 0] < 0:
                continue
            taken = person_of.get(str(gallery[columns[row, 0]]), "")
            tied = int((scores[row] == scores[row, 0]).sum())
            people[who] = [number.get(taken, -1), round(float(scores[row, 0]), 3), tied]
        left -= len(people)
        out.append({"name": cell.attack, "rate": cell.metrics["rank1"]["value"], "of": {str(k): v for k, v in people.items()}})
    return out, left


def _people_of(record: Record, method: str) -> dict[str, str]:
    """Return face -> person from the private mapping of a method, and of any other for what it withheld."""
    out: dict[str, str] = {}
    home = record.folder / "private" / "mapping"
    own = next((c.slug for c in record.methods if c.method == method), "")
    for path in sorted(home.glob("*.json"), key=lambda one: one.stem == own):
        out |= people_of(record.folder, path.stem)
    return out


class _Pictures:
    """Thumbnails as data URIs, each different one once, so many that the page stays small."""

    def __init__(self) -> None:
        self.uris: list[str] = []
        self.left_out = 0
        self._bytes = 0
        self._known: dict[bytes, int] = {}

    def of(self, arrays: dict[str, NDArray[Any]], name: str) -> list[int] | None:
        """Return the number of each person's thumbnail, -1 for none."""
        if name not in arrays:
            return None
        whole, at = arrays[name].tobytes(), arrays[f"{name}_at"].tolist()
        files = [whole[start:stop] for start, stop in itertools.pairwise(at)]
        places = [self._place(one) for one in files]
        return [places[one] if one >= 0 else -1 for one in arrays[f"{name}_of"].tolist()]

    def _place(self, data: bytes) -> int:
        if data in self._known:
            return self._known[data]
        if self._bytes + len(data) > PICTURES:
            self.left_out += 1
            return -1
        self._bytes += len(data)
        self.uris.append("data:image/jpeg;base64," + base64.b64encode(data).decode("ascii"))
        self._known[data] = len(self.uris) - 1
        return self._known[data]
