"""What a source lists, and who is on each picture or encoding, as the recipe states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import Embeddings
from deidframe.contract.errors import NothingToDo, UnreadablePhoto
from deidframe.contract.photos import Photos
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.planning.labels import one_spelling
from deidframe.engine.runtime.progress import Quiet
from deidframe.recipe.parse import Parsed

Complain = Callable[[str, tuple[str | int, ...], str], None]


@dataclass(frozen=True)
class Database:
    """What the source lists: photos or encodings, who is on each, and what its owner should know of that.

    `whole` is how many it lists, where a sample of them was taken.
    """

    photos: Photos
    people: tuple[str, ...]
    encodings: Embeddings | None
    labelled: bool
    notes: tuple[str, ...] = ()
    whole: int = 0


def list_database(
    complain: Complain, parsed: Parsed, source: Step, scratch: Path, limit: int | None, sample: int | None = None
) -> Database:
    """List the pictures or encodings, or a sample of them, and say who is on each, as the recipe states."""
    listed = _listed(complain, parsed, source, scratch, limit)
    count = len(listed.people)
    if sample is None or sample >= count:
        return replace(listed, whole=count)
    rows = drawn_people(listed.people, sample, parsed.recipe.seed)
    photos = listed.photos if listed.encodings is not None else replace(listed.photos.take(rows), films={})
    people = tuple(listed.people[row] for row in rows)
    said = f"a sample: {len(rows)} of {count}, of {len(set(people))} of {len(set(listed.people))} people"
    encodings = listed.encodings.take(rows) if listed.encodings is not None else None
    return Database(photos, people, encodings, listed.labelled, (*listed.notes, said), count)


def drawn_people(people: Sequence[str], count: int, seed: int) -> list[int]:
    """Return the rows, in order, of people drawn one after another until they have at least so many."""
    number = {name: place for place, name in enumerate(sorted(set(people)))}
    who = np.array([number[name] for name in people], np.int64)
    sizes = np.bincount(who)
    order = np.random.default_rng([seed, len(people)]).permutation(len(sizes))
    chosen = order[: int(np.searchsorted(np.cumsum(sizes[order]), count)) + 1]
    return np.flatnonzero(np.isin(who, chosen)).tolist()


def _listed(complain: Complain, parsed: Parsed, source: Step, scratch: Path, limit: int | None) -> Database:
    pool = ComponentPool(parsed.recipe.seed, None, scratch, Quiet())
    with pool.working_on("listing the database"):
        loaded: Photos | Embeddings = pool.call(source)
    kept = loaded if limit is None else loaded.take(range(min(limit, len(loaded))))
    if isinstance(loaded, Photos) and loaded.films:
        if parsed.recipe.scene is None and not len(loaded):
            raise NothingToDo(f"source {source.name}: there are videos and no picture; a recipe with [scene] releases them whole")
        if limit is not None and isinstance(kept, Photos):
            first = dict(list(loaded.films.items())[: max(0, limit - len(kept))])
            kept = replace(kept, films=first, skipped={name: loaded.skipped[name] for name in first})
    photos = kept if isinstance(kept, Photos) else Photos((), _no_picture)
    encodings = kept if isinstance(kept, Embeddings) else None
    if not isinstance(parsed.recipe.source.subjects, str):  # found later; what the source knows judges them
        return Database(photos, kept.ids, encodings, kept.subjects is not None, photos.notes)
    if parsed.recipe.source.subjects == "one-per-image":
        return Database(photos, kept.ids, encodings, False, photos.notes)
    if kept.subjects is None:
        complain(
            "R130",
            ("source", "subjects"),
            f'"labelled" needs a source that names people, and "{source.name}" does not here;'
            ' say "one-per-image" if every picture shows a different person',
        )
    people, said = one_spelling(kept.subjects or ())
    return Database(photos, people, encodings, True, (*photos.notes, *said))


def _no_picture(photo_id: str) -> NDArray[np.uint8]:
    """Refuse to open what a source of encodings does not have."""
    raise UnreadablePhoto("a source of encodings has no pictures")
