"""What another precision moves and saves: `python tests/benchmarks/precision.py lfw-100x6` (one folder for each person).

With `--calibrate` the bounds of activations are taken anew, on sample people, and written into the plugins.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, Photos
from deidframe.engine.components.detections import rows_by_photo
from deidframe.host.catalogue import Catalogue
from deidframe.models import read_graph
from deidframe.models.processor import has_bfloat16, has_int8
from deidframe.models.quantise import bounds_of

SHIPPED = {
    "sface": ("deidframe_opencv_zoo", "sface"),
    "dlib-resnet": ("deidframe_dlib", "dlib-resnet"),
    "facenet": ("deidframe_facenet", "ms-celeb-128"),
}


def made(role: str, name: str, context: Context, **params: Any) -> Any:
    loaded = Catalogue().load(role, name)
    return loaded.make(loaded.component.params(**params), context)


def faces_of(photos: Photos, context: Context) -> tuple[FaceSet, NDArray[np.str_]]:
    """Return the pictures of one size with the landmarks of the face nearest to the middle, and who is on each."""
    found = made("detector", "yunet", context).detect(photos)
    kept, marks, pictures = [], [], []
    of = rows_by_photo(found)
    for row, photo in enumerate(photos.ids):
        if rows := of.get(photo):
            kept.append(row)
            picture = photos.open(photo)
            boxes = found.boxes[rows]
            apart = np.hypot(*((boxes[:, :2] + boxes[:, 2:]) / 2 - np.array(picture.shape[1::-1]) / 2).T)
            marks.append(found.landmarks[rows[int(np.argmin(apart))]])
            pictures.append(picture)
    assert photos.subjects is not None
    ids = tuple(photos.ids[row] for row in kept)
    return FaceSet(ids, np.stack(pictures), np.stack(marks)), np.array([photos.subjects[row] for row in kept])


def calibrate(context: Context) -> None:
    """Write what activations reach on the 300 pictures of 50 people who do not exist."""
    faces, _ = faces_of(made("source", "synthetic-people", context, people=50, pictures=6).load(), context)
    for name, (package, called) in SHIPPED.items():
        encoder, batches = made("encoder", name, context), []

        def noted(given: Iterable[Any], real: Any = encoder._network.stacked, out: list[Any] = batches) -> Any:
            out += [np.asarray(batch, np.float32) for batch in given]
            return real(out)

        encoder._network.stacked = noted
        encoder.encode(faces)
        graph = read_graph(encoder._model)
        graph.reshape({graph.inputs[0].any_name: [-1, *batches[0].shape[1:]]})
        bounds = {key: [float(f"{end:.6g}") for end in ends] for key, ends in bounds_of(graph, batches).items()}
        path = Path(str(resources.files(package).joinpath(f"{called}.int8.json")))
        path.write_text(json.dumps(bounds, indent=0) + "\n")
        print(f"{path}: {len(bounds)} multiplications")


def compare(folder: Path, context: Context) -> None:
    """Print, for each encoder and precision, how far encodings move, who is still named right, and the time."""
    faces, people = faces_of(made("source", "folder", context, path=folder).load(), context)
    first = np.array([np.flatnonzero(people == person)[0] for person in np.unique(people)])
    rest = np.setdiff1d(np.arange(len(people)), first)
    precisions = ["f32", *(["bf16"] if has_bfloat16() else []), *(["int8"] if has_int8() else [])]
    print("encoder, precision: cosine to f32 mean, least; rank-1 of the others against each person's first; CPU ms a picture")
    for name in SHIPPED:
        plain: NDArray[np.float32] | None = None
        for precision in precisions:
            encoder = made("encoder", name, context, precision=precision)
            encoder.encode(faces.take(range(64)))
            before = time.process_time()
            found = encoder.encode(faces).vectors
            spent = 1000 * (time.process_time() - before) / len(faces)
            unit = found / np.linalg.norm(found, axis=1, keepdims=True)
            plain = unit if plain is None else plain
            alike = (unit * plain).sum(axis=1)
            named = people[first][(unit[rest] @ unit[first].T).argmax(axis=1)] == people[rest]
            said = f"{alike.mean():.4f} {alike.min():.4f}  rank-1 {named.mean():.4f}  {spent:.2f} ms"
            print(f"{name:12} {precision:5} {said}", flush=True)


def main() -> None:
    """Calibrate, or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--calibrate", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        context = Context(seed=0, scratch=Path(room))
        if options.calibrate:
            calibrate(context)
        if options.folder:
            compare(options.folder, context)


if __name__ == "__main__":
    main()
