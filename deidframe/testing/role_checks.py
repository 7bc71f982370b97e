"""What is asked of components of one role, one plain function each, with the reason in its docstring."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deidframe.contract import (
    Detections,
    Embeddings,
    Partition,
    Photos,
    align,
)
from deidframe.testing.material import Bench, people, photos
from deidframe.testing.trying import COUNT, K, ask, briefing, check, material_of, whole_of, work


@check("detector")
def check_blank_pictures_hold_no_face(bench: Bench) -> None:
    """A face that is not there would be released as if it had been protected."""
    blank = [np.full((120, 160, 3), v, np.uint8) for v in (0, 127, 255)]
    found = bench.make().detect(Photos.from_arrays(("a", "b", "c"), blank))
    ask(len(found) == 0, f"{len(found)} faces found in three blank pictures")


@check("clusterer")
def check_groups_are_numbered(bench: Bench) -> None:
    """-1 is noise; everything else is a group number."""
    for count in (COUNT, 40):
        labels = bench.make().cluster(people(count, bench.space), K).labels
        ask(labels.min() >= -1, f"a label of {labels.min()}; -1 is the only one below 0")


@check("clusterer")
def check_people_who_are_all_alike(bench: Bench) -> None:
    """Copies of one picture occur in every database."""
    rows = np.repeat(people(1, bench.space).vectors, COUNT, axis=0)
    same = Embeddings(tuple(f"person-{n:06d}" for n in range(COUNT)), rows, bench.space)
    out = bench.make().cluster(same, K)
    ask(len(out.labels) == COUNT, "not one label for each")


@check("outlier-handler")
def check_every_group_is_large_enough(bench: Bench) -> None:
    """This is what an outlier handler is for: at least k people in each group, or withheld."""
    rng = np.random.default_rng(7)
    for count in (1, 2, 3, 7, 20, 45):
        crowd = people(count, bench.space)
        for labels in (
            np.full(count, -1),
            np.zeros(count),
            np.arange(count),
            rng.integers(-1, max(1, count // 3), count),
            rng.integers(-1, 2, count),
        ):
            _, packed = np.unique(labels, return_inverse=True)
            given = np.where(labels < 0, -1, packed).astype(np.int64)
            out = bench.make().settle(crowd, Partition(crowd.ids, given), K).labels
            sizes = np.bincount(out[out >= 0]) if (out >= 0).any() else np.zeros(0, int)
            small = sizes[(sizes > 0) & (sizes < K)]
            ask(not len(small), f"a group of {small[:1]} people with k = {K}, from labels {given.tolist()}")


@check("anonymizer")
def check_a_group_has_one_target(bench: Bench) -> None:
    """k people who aim at one target cannot be told apart by it; `per_person` says where that is not so."""
    given = material_of(bench, COUNT)
    out = bench.make().anonymize(*given)
    if bench.made_params.per_person:
        ask(out.groups.tolist() == list(range(len(out))), "per_person: each person is a group of its own")
        return
    ask(np.array_equal(out.groups, given[1].labels[given[1].labels >= 0]), "groups: not those of the partition")
    for group in np.unique(out.groups):
        rows = out.targets[out.groups == group]
        ask((rows == rows[0]).all(), f"group {group} has several targets, and the parameters do not say per_person")


@check("anonymizer")
def check_a_moved_target_is_said(bench: Bench) -> None:
    """Where targets are not the means of their people, a synthesizer that is made of their pixels would bring them back."""
    crowd, groups = material_of(bench, COUNT)
    out = bench.make().anonymize(crowd, groups)
    row = {person: n for n, person in enumerate(crowd.ids)}
    rows = np.array([row[person] for person in out.ids], np.int64)
    numbers, inverse = np.unique(out.groups, return_inverse=True)
    means = np.zeros((len(numbers), crowd.vectors.shape[1]))
    np.add.at(means, inverse, out.weights[:, None] * crowd.vectors[rows])
    far = float(np.abs(means[inverse] - out.targets).max(initial=0.0))
    ask(
        far < 1e-3 or bench.loaded.component.moves_targets,
        f"targets lie {far:.3f} from the means of their people: say moves_targets",
    )


@check("synthesizer")
def check_targets_are_followed(bench: Bench) -> None:
    """Who takes targets must not show what the members look like when their targets are moved."""
    if not bench.loaded.component.takes_targets:
        return
    shown, aims = material_of(bench, COUNT)
    numbers, inverse = np.unique(aims.groups, return_inverse=True)
    ask(len(numbers) > 1, "the material has one group")
    first = np.unique(inverse, return_index=True)[1]
    moved = replace(aims, targets=aims.targets[first][(inverse + 1) % len(numbers)])
    before, after = (np.asarray(whole_of(bench.make().synthesize(shown, one)).images[:]) for one in (aims, moved))
    ask((before != after).any(), "takes_targets is said, and other targets give the same pictures")


@check("anonymizer")
def check_withheld_people_stay_out(bench: Bench) -> None:
    """A person of label -1 is released by nobody."""
    crowd = people(COUNT, bench.space)
    labels = (np.arange(COUNT) % 3).astype(np.int64) - 1
    out = bench.make().anonymize(crowd, Partition(crowd.ids, labels))
    ask(
        set(out.ids) == {i for i, label in zip(crowd.ids, labels.tolist(), strict=True) if label >= 0},
        "withheld people came back",
    )


@check("synthesizer")
def check_a_group_shows_one_picture(bench: Bench) -> None:
    """A picture that differs inside a group gives its member away; `one_picture_per_group` says that it does not."""
    given = material_of(bench, COUNT)
    out = whole_of(bench.make().synthesize(*given))
    if not bench.loaded.component.one_picture_per_group:
        ask(not bench.loaded.component.protects, "not one_picture_per_group, and yet says that it protects")
        return
    shown = np.asarray(out.images[:])
    for group in np.unique(given[1].groups):
        rows = np.flatnonzero(given[1].groups == group)
        ask(
            (shown[rows] == shown[rows[:1]]).all(),
            f"group {group} shows several pictures, yet one_picture_per_group is said",
        )


@check("synthesizer", "redactor")
def check_nothing_is_handed_back(bench: Bench) -> None:
    """An original that comes out again is the worst that can happen."""
    given = material_of(bench, COUNT)
    before = np.asarray((given[0] if isinstance(given, tuple) else given).images[:]).astype(int)
    after = np.asarray(work(bench, bench.make(), given).images[:]).astype(int)
    same = [n for n in range(COUNT) if np.abs(before[n] - after[n]).mean() < 2]
    ask(not same or not bench.loaded.component.protects, f"{len(same)} of {COUNT} pictures are their originals")


@check("measure")
def check_values_stand_alone(bench: Bench) -> None:
    """The faces of a large database come in several calls; a value that follows from its company would change with their size."""
    given, made = material_of(bench, COUNT), bench.make()
    whole = dict(zip(*(lambda v: (v.ids, v.values.tolist()))(made.measure(*given)), strict=True))
    for row, face in enumerate(given[0].ids):
        alone = made.measure(*(one.take([row]) for one in given))
        ask((face in whole) == (face in alone.ids), f"face {row} has a value among others and none alone, or the other way")
        ask(not len(alone.ids) or np.isclose(alone.values[0], whole[face], rtol=1e-4, atol=1e-6), f"face {row} is another alone")


@check("measure")
def check_values_tell_faces_apart(bench: Bench) -> None:
    """A measure that says the same of every face, kept or destroyed, says nothing."""
    given, made = material_of(bench, COUNT), bench.make()
    same = made.measure(given[0], given[0])
    gone = made.measure(*given)
    ask(np.unique(np.concatenate([same.values, gone.values])).size > 1, "every face has one value, changed or not")


@check("redactor")
def check_photos_come_back_whole(bench: Bench) -> None:
    """Faces are cut out of the photo that was made where they lie in the original, so it has to be of its size."""
    made = bench.make()
    if not hasattr(made, "redact_scene"):
        ask(bench.made_params.takes != "scene", "takes: it says whole photos and has no method redact_scene")
        return
    given = photos(3)
    boxes = np.repeat(np.array([[60, 60, 200, 220]], np.float32), 3, axis=0)
    marks = np.repeat(align.template(256)[None], 3, axis=0)
    back = made.redact_scene(given, Detections(given.ids, given.ids, boxes, marks, np.ones(3, np.float32)))
    ask(isinstance(back, Photos), f"redact_scene gave {type(back).__name__}, not Photos")
    ask(sorted((*back.ids, *back.skipped)) == sorted(given.ids), "redact_scene: some photos are neither made nor in skipped")
    for one in back.ids:
        ask(back.open(one).shape == given.open(one).shape, "redact_scene: a photo came back in another size")
        ask((back.open(one) != given.open(one)).any(), "redact_scene: a photo came back as it was")


@check("attacker")
def check_the_very_same_pictures_match(bench: Bench) -> None:
    """An attack that does not know a picture again measures nothing."""
    given = material_of(bench, COUNT)
    out = work(bench, bench.make(), given)
    place = {name: n for n, name in enumerate(out.gallery_ids)}
    rows = [(n, place[name]) for n, name in enumerate(out.probe_ids) if name in place]
    ask(rows, "no probe was scored, although drawn faces with known landmarks were given")
    right = sum(out.scores[n, at] >= out.scores[n].max() - 1e-6 for n, at in rows)
    ask(right == len(rows), f"{len(rows) - right} of {len(rows)} pictures are not most like themselves")


@check("attacker")
def check_probes_are_judged_one_by_one(bench: Bench) -> None:
    """The probes of a large database come in several calls; an attack that follows from the company of a probe would change."""
    given, made = material_of(bench, COUNT), bench.make()
    made.prepare(briefing(given))
    whole = made.attack(given)
    for n, name in enumerate(whole.probe_ids):
        alone = made.attack(given.take([given.ids.index(name)]))
        ask(alone.probe_ids == (name,), f"probe {n} gives a score among others and none alone")
        ask(np.allclose(alone.scores[0], whole.scores[n], atol=1e-4), f"probe {n} is scored differently alone")
