"""Run one method: faces in, protected faces out, with the gates in between."""

from __future__ import annotations

import functools
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import Embeddings, FaceSet, Partition, Surrogates
from deidframe.contract.component import Need
from deidframe.contract.errors import ArtifactError, PluginError, ReleaseRefused
from deidframe.contract.roles import Fits, RedactsScenes
from deidframe.contract.stacks import IndexedStack, LazyStack, Stack, new_pictures
from deidframe.engine.cache.surrogates import synthesize_cached
from deidframe.engine.components.attributes import people_classes
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.planning.plan import MethodPlan
from deidframe.engine.protect.groups import Groups, columns_of, make_groups, people_of
from deidframe.engine.protect.kept import go_on, with_kept
from deidframe.engine.protect.whole import by_person, by_scene
from deidframe.guard.earlier import Kept
from deidframe.guard.groups import check_groups
from deidframe.guard.release import People

BATCH = 64
MORE = 8
"""Times as many groups are asked for at once where they are drawn by a GPU, which draws them side by side in less time."""
SURPLUS = "more pictures than the person of its group with the fewest has"
"""Why a face is withheld with `equal_counts`."""


@dataclass(frozen=True)
class Protected:
    """What a method made of the faces, before anything is written.

    Args:
        faces: the faces to release: ids and subjects of the originals, landmarks where the original's were.
        groups: face id -> group number for k-Same methods, else None.
        withheld: face id -> reason.
        people: who was grouped; None for redactors.
        kept: group -> the file of an earlier release that stands for it and is released again as it is.
    """

    faces: FaceSet
    groups: dict[str, int] | None
    withheld: dict[str, str]
    people: People | None = None
    kept: Mapping[int, Path] = field(default_factory=dict)


def protect(
    pool: ComponentPool, faces: FaceSet, method: MethodPlan, *, whose: str = "", earlier: Kept | None = None
) -> Protected:
    """Run a method on all faces.

    Args:
        pool: of the run.
        faces: with subjects.
        method: the method.
        whose: "" for the faces of the run, else a name of these faces, under which their groups are shared by methods.
        earlier: groups of an earlier release that go on; None where there are none.

    Raises:
        ReleaseRefused: a group has fewer than k people after every repair.
        ArtifactError: a component broke its contract.
        StageError: a component raised something of its own.
    """
    made = _made(pool, faces, method, whose, earlier)
    for step in method.then:
        made = replace(made, faces=_after(pool, step, made))
    return made


def _made(pool: ComponentPool, faces: FaceSet, method: MethodPlan, whose: str, earlier: Kept | None) -> Protected:
    """Return what a redactor or a k-Same chain makes."""
    if "redactor" in method.steps:
        step = method.steps["redactor"]
        bare = faces if step.needs(Need.SUBJECTS) else faces.without_subjects()
        return Protected(
            FaceSet(faces.ids, _redacted(pool, step, bare, faces.subjects), faces.landmarks, faces.subjects), None, {}
        )
    return _k_same(pool, faces, method, whose, earlier)


def _redacted(pool: ComponentPool, step: Step, faces: FaceSet, people: tuple[str, ...] | None) -> Stack:
    """Return what a redactor makes: when it is asked for, or where it takes a person's pictures together, at once."""
    made_of = pool.make(step)  # what is wrong with it is known before anything is written
    if step.params.takes == "scene":
        if not isinstance(made_of, RedactsScenes):
            raise PluginError(f"{step.who} says that it takes whole photos, and has no method redact_scene")
        return by_scene(pool, step, faces)
    if isinstance(made_of, Fits):
        pool.call(step, faces, verb="fit")
    if step.params.takes == "person" and people is not None:
        return by_person(pool, step, faces, people)

    def redacted(rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        made: FaceSet = pool.call(step, faces.take(rows))
        return np.asarray(made.images[:])

    return LazyStack(tuple(faces.images.shape), redacted)


def _after(pool: ComponentPool, step: Step, made: Protected) -> FaceSet:
    """Let a redactor take what a method made; a picture that a group shares is taken once, and goes on to be shared."""
    faces = made.faces
    if made.groups is None:
        bare = faces if step.needs(Need.SUBJECTS) else faces.without_subjects()
        return FaceSet(faces.ids, _redacted(pool, step, bare, faces.subjects), faces.landmarks, faces.subjects)
    numbers, first, place = np.unique(
        np.array([made.groups[face] for face in faces.ids], np.int64), return_index=True, return_inverse=True
    )
    named = tuple(f"group {number}" for number in numbers.tolist())  # a shared picture is nobody's in particular
    one = faces.take(first)
    shared = FaceSet(named, one.images, one.landmarks, named if step.needs(Need.SUBJECTS) else None)
    lazy = _redacted(pool, step, shared, None)
    pictures = new_pictures(len(shared), *shared.size, pool.scratch)
    for start in range(0, len(shared), BATCH):
        pictures[start : start + BATCH] = lazy[start : start + BATCH]
    pool.leave({face: f"group {made.groups[face]}" for face in faces.ids})
    return FaceSet(faces.ids, IndexedStack(pictures, place.astype(np.int64)), faces.landmarks, faces.subjects)


def _k_same(pool: ComponentPool, faces: FaceSet, method: MethodPlan, whose: str, earlier: Kept | None) -> Protected:
    steps, k = method.steps, method.k
    assert k is not None and faces.subjects is not None
    subjects = faces.subjects
    encodings = pool.encode(steps["encoder"], faces)
    beside = [pool.encode(step, faces) for step in method.beside]
    key = ["groups", whose, *(step.key for step in (*method.encoders, steps["clusterer"], steps["outliers"])), str(k)]
    apart: Callable[[], NDArray[np.int64]] | None = None
    if method.within is not None:
        key += [method.within[0].key, method.within[1]]
        apart = functools.partial(people_classes, pool, *method.within, faces)
    files: dict[int, Path] = {}
    why: dict[int, str] = {}
    if earlier is None:
        groups = pool.once("|".join(key), lambda: make_groups(pool, encodings, subjects, method, apart, beside))
    else:

        def new_groups(rows: NDArray[np.int64]) -> Groups:
            new = faces.take(rows)
            split = functools.partial(people_classes, pool, *method.within, new) if method.within is not None else None
            more = [one.take(rows) for one in beside]
            return make_groups(pool, encodings.take(rows), new.subjects or (), method, split, more)

        groups, files, why = go_on(earlier, encodings, subjects, k, new_groups)
    labels = groups.labels
    surplus = beyond_equal(labels, subjects) if method.equal_counts else np.zeros(0, np.int64)
    kept = np.setdiff1d(np.flatnonzero(labels >= 0), surplus)
    withheld = {faces.ids[r]: why.get(r, "in no group of at least k people") for r in np.flatnonzero(labels < 0).tolist()}
    withheld |= {faces.ids[r]: SURPLUS for r in surplus.tolist()}
    if not len(kept):
        raise ReleaseRefused(f"{method.name}: no group of at least {k} people was found; every face is withheld")
    group_of = {faces.ids[r]: int(labels[r]) for r in kept.tolist()}
    check_groups(group_of, dict(zip(faces.ids, subjects, strict=True)), k, method.name)
    fresh = kept[~np.isin(labels[kept], list(files))]
    made: FaceSet | None = None
    if len(fresh):
        crowd = groups.crowd
        if steps["anonymizer"].needs(Need.ATTRIBUTES):
            crowd = replace(crowd, columns=columns_of(pool.columns, faces.ids, subjects))
        aimed = _aimed(pool, faces, method, _without(replace(groups, crowd=crowd), files))
        surrogates = _by_face(aimed, groups.crowd.ids, groups.rows, fresh, faces.ids)
        made = _synthesized(pool, faces.take(fresh), surrogates, steps["synthesizer"], steps["encoder"])
    shown = with_kept(made, faces.take(kept), labels[kept], files) if files or made is None else made
    people = People(groups.crowd, groups.names, groups.settled)
    return Protected(shown, None if method.per_person else group_of, withheld, people, files)


def _without(groups: Groups, files: Mapping[int, Path]) -> Groups:
    """Return the groups that are not kept from an earlier release, numbered from 0."""
    if not files:
        return groups
    labels = groups.settled.labels - len(files)  # kept groups have the first numbers
    return replace(groups, settled=Partition(groups.crowd.ids, np.maximum(labels, -1)))


def _aimed(pool: ComponentPool, faces: FaceSet, method: MethodPlan, groups: Groups) -> Surrogates:
    """Return each person's target: in the encoder of the groups, and where the anonymizer can, in all that are aimed by.

    Raises:
        ArtifactError: the anonymizer says something else of who shares a target in another encoder.
    """
    step, encoder, synthesizer = (method.steps[name] for name in ("anonymizer", "encoder", "synthesizer"))
    if not step.loaded.component.every_space:
        plain: Surrogates = pool.call(step, groups.crowd, groups.settled, encoder=encoder)
        return plain
    assert faces.subjects is not None
    token = {person: keyed_token(pool.secret, name) for person, name in zip(groups.crowd.ids, groups.names, strict=True)}
    ids = tuple(token[person] for person in groups.crowd.ids)
    settled = Partition(ids, groups.settled.labels)

    def asked(people: Embeddings, seen_by: Step) -> Surrogates:
        crowd = Embeddings(ids, people.vectors, people.space, columns=groups.crowd.columns)
        made: Surrogates = pool.call(step, crowd, settled, encoder=seen_by)
        return made

    aimed = asked(groups.crowd, encoder)
    elsewhere: dict[str, NDArray[np.float32]] = {}
    for name in synthesizer.params.aims:
        other = synthesizer.recognizers[name]
        if other.space in (aimed.space, *elsewhere):
            continue
        more = asked(people_of(pool.encode(other, faces), faces.subjects)[0], other)
        alike = more.ids == aimed.ids and np.array_equal(more.groups, aimed.groups)
        if not alike or not np.array_equal(more.weights, aimed.weights):
            raise ArtifactError(
                step.who, f"targets in {other.space}", f"people, groups and weights as in {aimed.space}", "others"
            )
        elsewhere[other.space] = more.targets
    true = {made: person for person, made in token.items()}
    back = tuple(true[made] for made in aimed.ids)
    return Surrogates(back, aimed.targets, aimed.groups, aimed.weights, aimed.space, elsewhere)


def keyed_token(secret: bytes, name: str) -> str:
    """Return by what a person is told under a key: the same whoever else is in the database, and nothing without the key."""
    return hmac.digest(secret, f"person|{name}".encode("utf-8", "surrogateescape"), "sha256").hex()[:20]


def beyond_equal(labels: NDArray[np.int64], subjects: Sequence[str]) -> NDArray[np.int64]:
    """Return the faces that go beyond as many for each person of a group as the one with the fewest has; the first ones stay.

    Args:
        labels: `(N,)` groups, -1 for none.
        subjects: who is on each face; a person is in one group.
    """
    rows: dict[tuple[int, str], list[int]] = {}
    for row, (label, person) in enumerate(zip(labels.tolist(), subjects, strict=True)):
        if label >= 0:
            rows.setdefault((label, person), []).append(row)
    fewest: dict[int, int] = {}
    for (label, _), own in rows.items():
        fewest[label] = min(fewest.get(label, len(own)), len(own))
    return np.array(sorted(row for (label, _), own in rows.items() for row in own[fewest[label] :]), np.int64)


def _synthesized(pool: ComponentPool, chosen: FaceSet, surrogates: Surrogates, step: Step, encoder: Step) -> FaceSet:
    """Return the faces of a synthesizer, group by group from the cache where its groups do not depend on one another."""
    bare = chosen if step.needs(Need.SUBJECTS) else chosen.without_subjects()

    def draw(faces: FaceSet, aims: Surrogates) -> FaceSet:
        made: FaceSet = pool.call(step, faces, aims, encoder=encoder)
        return made

    if pool.cache is not None and step.per_group and step.loaded.component.deterministic:
        facts, elsewhere = pool.facts(step, encoder), None
        # what an encoder learnt from everybody, nodes do not know
        if pool.draws is not None and not any(isinstance(pool.make(one), Fits) for one in (encoder, *step.recognizers.values())):
            elsewhere = functools.partial(pool.draws, pool, step, encoder)
        made = synthesize_cached(
            pool.cache,
            draw,
            step.who,
            step.groups_at_once * (MORE if "device" in facts else 1),
            facts,
            bare,
            surrogates,
            pool.reporter,
            elsewhere,
        )
    else:
        made = draw(bare, surrogates)
    return FaceSet(chosen.ids, made.images, chosen.landmarks, chosen.subjects)


def _by_face(
    aimed: Surrogates, person_ids: tuple[str, ...], rows: NDArray[np.int64], kept: NDArray[np.int64], face_ids: tuple[str, ...]
) -> Surrogates:
    """Spread one row for each person over the person's faces; the person's weight is shared among them equally."""
    at = {person: n for n, person in enumerate(aimed.ids)}
    source = np.array([at[person_ids[rows[r]]] for r in kept.tolist()], np.int64)
    pictures = np.bincount(source, minlength=len(aimed))
    weights = aimed.weights[source] / pictures[source]
    ids = tuple(face_ids[r] for r in kept.tolist())
    elsewhere = {space: targets[source] for space, targets in aimed.elsewhere.items()}
    return Surrogates(ids, aimed.targets[source], aimed.groups[source], weights, aimed.space, elsewhere)
