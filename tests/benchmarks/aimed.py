"""Loss against seconds of aimed surrogates: `python tests/benchmarks/aimed.py FOLDER quick good best`.

FOLDER holds one folder of photographs for each person. People are put into groups of k in dlib's encoding, each group gets one
face, and every face is found and encoded afresh. Loss is the members' mean squared distance to the surrogate over the group's
spread (1 is the bound); each line is one set of parameters: a named effort, or TOML such as `steps = 6`.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import tomli

from deidframe.contract import Context, FaceSet, IndexedStack, Surrogates
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.runtime.hardware import on_device
from deidframe.engine.runtime.progress import Quiet
from deidframe.host.catalogue import Catalogue

JUDGES = ("sface", "dlib-resnet", "facenet")


def main() -> None:
    """Make the groups, then a line for each set of parameters."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path)
    options.add_argument("params", nargs="+")
    options.add_argument("--groups", type=int, default=20)
    options.add_argument("--k", type=int, default=5)
    options.add_argument("--skip", type=int, default=0, help="people left out first: to judge on others than those tuned on")
    options.add_argument("--device", default="", help="cpu, cuda (default: cuda where there is one)")
    options.add_argument("--times", type=int, default=1, help="each group so often, so that a GPU has enough to do at a time")
    options.add_argument("--judges", nargs="+", default=JUDGES, choices=JUDGES)
    options.add_argument("--keep", type=Path, help="write all faces and who is judged, for another machine, as .npz")
    options.add_argument("--sheet", type=Path, help="write all faces as one picture, a row for each set of parameters")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as room, on_device(chosen.device):
        scratch = Path(room)
        catalogue = Catalogue()

        def step(role: str, name: str, **params: object) -> Step:
            loaded = catalogue.load(role, name)
            checked = loaded.component.params.model_validate(params)
            others = {one: step("encoder", one) for one in checked.recognizers}
            return Step(role, loaded, checked, others)

        pool = ComponentPool(7, step("detector", "yunet"), scratch, Quiet())
        faces, names = people_in(chosen.folder, chosen.groups * chosen.k, chosen.skip, pool, step("detector", "yunet"))
        pool.cache_faces(faces)
        person = np.unique(np.array(names), return_inverse=True)[1]
        seen = {name: pool.recognizer(step("encoder", name)) for name in chosen.judges}
        means = {name: of_people(one.encode(faces).vectors, person) for name, one in seen.items()}
        grouper = catalogue.load("clusterer", "fixed-size")
        made = grouper.make(grouper.component.params(), Context(seed=7, scratch=scratch))
        from deidframe.contract import Embeddings

        ids = tuple(str(n) for n in range(person.max() + 1))
        groups = made.cluster(Embeddings(ids, means["dlib-resnet"], "dlib-resnet"), chosen.k).labels
        number = groups[person]
        weights = 1 / np.bincount(person)[person] / np.bincount(groups)[number]
        centre = of_people(means["dlib-resnet"], groups)
        surrogates = Surrogates(faces.ids, centre[number], number.astype(np.int64), weights, "dlib-resnet")
        several, asked_for = copies(faces, surrogates, chosen.times)
        rows = []
        print("bound".ljust(44), *(f"{name} {bound(means[name], groups):5.2f}" for name in chosen.judges))
        for text in chosen.params:
            params = tomli.loads(text) if "=" in text else {"effort": text}
            asked = step("synthesizer", "stylegan", **{"aim": "gradient", **params})
            part = pool.make(asked, step("encoder", "dlib-resnet"))
            pool.call(asked, *one_group(faces, surrogates), encoder=step("encoder", "dlib-resnet"))  # what is made once
            began, cpu = time.perf_counter(), time.process_time()
            drawn = part.synthesize(several, asked_for)
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            first = np.unique(asked_for.groups, return_index=True)[1]
            pictures = np.asarray(drawn.images[first])
            count = len(pictures) // chosen.times
            apart = np.abs(pictures.reshape(chosen.times, count, -1).astype(np.int16) - pictures[:count].reshape(1, count, -1))
            pictures = pictures[:count]
            rows.append(pictures)
            told = []
            for name, one in seen.items():
                looked = one.recognize(FaceSet(tuple(str(n) for n in range(len(pictures))), pictures))
                at = np.array([int(i) for i in looked.embeddings.ids])
                told.append(f"{name} {loss(means[name], groups, looked.embeddings.vectors, at):5.2f}")
            score = float(looked.scores.min())
            each = f"{seconds / len(first):6.2f} s, {cpu / len(first):6.2f} CPU s a group"
            same = f", copies differ by {int(apart.max())} grey levels at most" if chosen.times > 1 else ""
            print(text.ljust(44), *told, each, f"least score {score:.2f}{same}", flush=True)
        if chosen.keep:
            np.savez_compressed(chosen.keep, pictures=np.stack(rows), groups=groups, params=chosen.params)
        if chosen.sheet:
            rows = [np.concatenate([cv2.resize(one, (128, 128), interpolation=cv2.INTER_AREA) for one in row], 1) for row in rows]
            cv2.imwrite(str(chosen.sheet), np.concatenate(rows)[:, :, ::-1])


def people_in(folder: Path, count: int, skip: int, pool: ComponentPool, detector: Step) -> tuple[FaceSet, tuple[str, ...]]:
    """Return the faces of so many people of a folder, at 256 x 256, each picture's nearest to its centre."""
    from deidframe.contract import Photos, align

    homes = sorted(path for path in folder.iterdir() if path.is_dir())[skip : skip + count]
    paths = [path for home in homes for path in sorted(home.iterdir()) if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
    photos = [cv2.imread(str(path))[:, :, ::-1] for path in paths]
    ids = tuple(f"{n:05d}" for n in range(len(paths)))
    found = pool.call(detector, Photos.from_arrays(ids, photos))
    images, names, kept = [], [], []
    for n, photo in enumerate(photos):
        own = [row for row, one in enumerate(found.photo_ids) if one == ids[n]]
        if not own:
            continue
        middle = np.array(photo.shape[1::-1]) / 2
        marks = min((found.landmarks[row] for row in own), key=lambda one: float(((one.mean(axis=0) - middle) ** 2).sum()))
        images.append(align.warp(photo, align.similarity(marks, align.template(256)), 256))
        names.append(paths[n].parent.name)
        kept.append(ids[n])
    marks = np.repeat(align.template(256)[None], len(kept), axis=0).astype(np.float32)
    return FaceSet(tuple(kept), np.stack(images), marks, tuple(names)), tuple(names)


def copies(faces: FaceSet, surrogates: Surrogates, times: int) -> tuple[FaceSet, Surrogates]:
    """Return every group so many times, as groups of their own."""
    if times == 1:
        return faces, surrogates
    rows = np.tile(np.arange(len(faces)), times)
    turn = np.repeat(np.arange(times), len(faces))
    ids = tuple(f"{n}-{faces.ids[row]}" for n, row in zip(turn.tolist(), rows.tolist(), strict=True))
    groups = surrogates.groups[rows] + turn * (int(surrogates.groups.max()) + 1)
    made = Surrogates(ids, surrogates.targets[rows], groups, surrogates.weights[rows], surrogates.space)
    assert faces.landmarks is not None
    assert faces.subjects is not None
    return FaceSet(
        ids, IndexedStack(faces.images, rows), faces.landmarks[rows], tuple(faces.subjects[r] for r in rows.tolist())
    ), made


def one_group(faces: FaceSet, surrogates: Surrogates) -> tuple[FaceSet, Surrogates]:
    """Return the first group alone."""
    rows = np.flatnonzero(surrogates.groups == surrogates.groups[0])
    ids = tuple(faces.ids[row] for row in rows)
    few = dataclasses.replace(
        surrogates,
        ids=ids,
        targets=surrogates.targets[rows],
        groups=surrogates.groups[rows],
        weights=surrogates.weights[rows],
    )
    return faces.take(rows.tolist()), few


def of_people(vectors: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Return the mean row of each number in `of`."""
    sums = np.zeros((of.max() + 1, vectors.shape[1]))
    np.add.at(sums, of, vectors)
    return (sums / np.bincount(of)[:, None]).astype(np.float32)


def loss(people: np.ndarray, groups: np.ndarray, seen: np.ndarray, which: np.ndarray) -> float:
    """Return the mean over groups of the members' squared distance to their surrogate over their spread."""
    out = []
    for vector, group in zip(seen, which, strict=True):
        own = people[groups == group]
        out.append(((own - vector) ** 2).sum() / ((own - own.mean(axis=0)) ** 2).sum())
    return float(np.mean(out))


def bound(people: np.ndarray, groups: np.ndarray) -> float:
    """Return the loss of the nearest unit encodings, which are what any picture has."""
    means = of_people(people, groups)
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    return loss(people, groups, unit, np.arange(len(unit)))


if __name__ == "__main__":
    main()
