"""What crosses a boundary is what the contract says, or an error that names whose it is and which part of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deidframe.contract import (
    ArtifactError,
    Detections,
    Embeddings,
    FaceSet,
    IndexedStack,
    Partition,
    Photos,
    Surrogates,
    UnreadablePhoto,
    UsageError,
)
from deidframe.contract.encodings import checked_encodings, read_encodings

F32, I64 = np.float32, np.int64
PICTURES = np.zeros((2, 4, 4, 3), np.uint8)


def opened(name: str) -> np.ndarray:
    return np.zeros((4, 4, 3), np.uint8)


def surrogates(**changes: Any) -> Surrogates:
    held: dict[str, Any] = {
        "ids": ("a", "b"),
        "targets": np.ones((2, 3), F32),
        "groups": np.zeros(2, I64),
        "weights": np.full(2, 0.5),
        "space": "s",
    }
    return Surrogates(**{**held, **changes})


def detections(**changes: Any) -> Detections:
    held: dict[str, Any] = {
        "looked_at": ("a", "b"),
        "photo_ids": ("a",),
        "boxes": np.zeros((1, 4), F32),
        "landmarks": np.zeros((1, 5, 2), F32),
        "scores": np.ones(1, F32),
    }
    return Detections(**{**held, **changes})


BAD: dict[str, tuple[Callable[[], object], str]] = {
    "one string for ids": (lambda: FaceSet("ab", PICTURES), "a sequence of strings"),  # type: ignore[arg-type]
    "an id that is a number": (lambda: FaceSet((1, 2), PICTURES), "non-empty strings"),  # type: ignore[arg-type]
    "an empty id": (lambda: FaceSet(("a", ""), PICTURES), "non-empty strings"),
    "an id twice": (lambda: FaceSet(("a", "a"), PICTURES), "distinct ids"),
    "a list for pictures": (lambda: FaceSet(("a", "b"), [[0]]), "a uint8 array or a stack"),  # type: ignore[arg-type]
    "pictures of floats": (lambda: FaceSet(("a", "b"), PICTURES.astype(F32)), "dtype uint8"),
    "pictures too few": (lambda: FaceSet(("a", "b"), PICTURES[:1]), "shape"),
    "subjects too few": (lambda: FaceSet(("a", "b"), PICTURES, None, ("x",)), "2 names, one for each row"),
    "a subject without a name": (lambda: FaceSet(("a", "b"), PICTURES, None, ("x", "")), "non-empty strings"),
    "landmarks that are no array": (lambda: FaceSet(("a", "b"), PICTURES, [[0]]), "a numpy array"),  # type: ignore[arg-type]
    "landmarks that are not finite": (lambda: FaceSet(("a", "b"), PICTURES, np.full((2, 5, 2), np.nan, F32)), "finite"),
    "encodings of float64": (lambda: Embeddings(("a",), np.ones((1, 3)), "s"), "dtype float32"),
    "encodings of no space": (lambda: Embeddings(("a",), np.ones((1, 3), F32), ""), "space"),
    "encodings that are infinite": (lambda: Embeddings(("a",), np.full((1, 3), np.inf, F32), "s"), "finite"),
    "a label below -1": (lambda: Partition(("a",), np.array([-2], I64)), "-1 or a group number"),
    "labels of int32": (lambda: Partition(("a",), np.array([0], np.int32)), "dtype int64"),
    "a group below 0": (lambda: surrogates(groups=np.array([-1, -1], I64)), "group numbers from 0"),
    "a weight below 0": (lambda: surrogates(weights=np.array([-0.5, 1.5])), "shares of at least 0"),
    "weights that do not sum to 1": (lambda: surrogates(weights=np.array([0.5, 0.4])), "sum to 1 in each group"),
    "an opener that opens nothing": (lambda: Photos(("a",), 3), "a callable that opens"),  # type: ignore[arg-type]
    "a fingerprint that is none": (lambda: Photos(("a",), opened, fingerprint="x"), "a callable that takes"),  # type: ignore[arg-type]
    "a picture that is skipped, too": (lambda: Photos(("a",), opened, skipped={"a": "why"}), "not also pictures"),
    "a film of which nothing is said": (lambda: Photos(("a",), opened, films={"f": Path()}), "ids that are in skipped"),
    "a face in a photo that nobody looked at": (lambda: detections(photo_ids=("c",)), "photos that were looked at"),
    "a row beyond the stack": (lambda: IndexedStack(PICTURES, np.array([2], I64)), "0 to 1"),
    "a row before the stack": (lambda: IndexedStack(PICTURES, np.array([-1], I64)), "0 to 1"),
    "an opener that gives floats": (lambda: Photos(("a",), lambda one: np.zeros((4, 4, 3))).open("a"), "dtype uint8"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_not_as_the_contract_says_is_refused(what: str) -> None:
    make, words = BAD[what]
    with pytest.raises(ArtifactError, match=words):
        make()


def test_what_is_as_it_says_is_taken() -> None:
    assert len(surrogates()) == len(detections().looked_at) == 2
    assert len(Photos(("a",), opened, skipped={"f": "a video"}, films={"f": Path()})) == 1


def test_a_picture_without_pixels_is_unreadable() -> None:
    with pytest.raises(UnreadablePhoto, match="no pixels"):
        Photos(("a",), lambda one: np.zeros((0, 4, 3), np.uint8)).open("a")


def test_a_batch_holds_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        list(FaceSet(("a", "b"), PICTURES).batches(0))


def test_encodings_of_a_file_are_numbers_under_their_names(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected numbers"):
        checked_encodings("f", ("a",), np.array([["x"]]), "s", None)
    np.savez(tmp_path / "e.npz", ids=np.array(["a"]))
    with pytest.raises(UsageError, match="holds no array called 'vectors'"):
        read_encodings(tmp_path / "e.npz")
