"""A detector and an encoder in one, remembering what they saw so that nothing is encoded twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import Embeddings, FaceSet
from deidframe.contract.photos import Photos
from deidframe.contract.roles import Differentiable, Recognition, TorchEncoder
from deidframe.contract.stacks import IndexedStack, Stack
from deidframe.engine.cache.shards import CachedEncodings
from deidframe.engine.cache.stage_cache import StageCache
from deidframe.engine.components.detections import nearest_to_centre, rows_by_photo
from deidframe.engine.components.step import Step
from deidframe.engine.components.witnesses import Witnesses
from deidframe.engine.runtime.progress import Quiet, Reporter

BATCH = 32


class Caller(Protocol):
    """What of a `ComponentPool` a recogniser needs."""

    def make(self, step: Step, encoder: Step | None = None) -> Any:
        """Return the component."""
        ...

    def call(self, step: Step, *arguments: Any, encoder: Step | None = None, verb: str = "") -> Any:
        """Let it work."""
        ...


class _Known:
    """What is known of each row of one stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack  # held, so that its identity is not given to another object
        count = len(stack)
        self.scores = np.full(count, np.nan, np.float32)
        self.seen: NDArray[np.float32] | None = None
        self.encoded: NDArray[np.float32] | None = None
        self.has_encoded = np.zeros(count, bool)
        self.landmarks = np.full((count, 5, 2), np.nan, np.float32)
        self.found = np.zeros((count, 5, 2), np.float32)


class CachingRecognizer:
    """Implements the contract's `Recognizer`.

    Args:
        pool: calls both.
        detector, encoder: the steps.
        reporter: shows progress of long encodings.
        cached: by identity, the stacks of which it is worth remembering what was seen; shared by all recognisers of a run.
        recognitions: where what is seen of cached stacks is kept for a second run, by the pictures' content.
        encodings: the stack of the database's faces, and where their encodings are kept.
    """

    def __init__(
        self,
        pool: Caller,
        detector: Step,
        encoder: Step,
        reporter: Reporter,
        cached: dict[int, Stack] | None = None,
        recognitions: StageCache | None = None,
        encodings: tuple[Stack, CachedEncodings] | None = None,
    ) -> None:
        self._recognitions, self._encodings = recognitions, encodings
        self._pool, self._detector, self._encoder = pool, detector, encoder
        self._reporter = reporter
        self._cached = {} if cached is None else cached
        self._known: dict[int, _Known] = {}
        self._witnesses = Witnesses()

    @property
    def encoder(self) -> Step:
        """Who encodes."""
        return self._encoder

    @property
    def space(self) -> str:
        """Embedding space of what is returned."""
        return self._encoder.space

    def drop_faces(self, faces: FaceSet) -> None:
        """Drop what is known of these faces' stack."""
        self._known.pop(id(base_of(faces)[0]), None)

    def follow(self, before: Stack, after: Stack) -> None:
        """Keep what is known of one stack for another that holds the same pictures in the same rows."""
        known_rows = self._known.pop(id(before), None)
        if known_rows is not None:
            known_rows.stack = after
            self._known[id(after)] = known_rows

    def carry(self, before: Stack, after: Stack, old: NDArray[np.int64], new: NDArray[np.int64]) -> None:
        """Know of rows `new` of one stack what is known of rows `old` of another: they show the same pixels."""
        held = self._known.get(id(before))
        if held is None or held.encoded is None:
            return
        made = self._known[id(after)] = _Known(after)
        made.encoded = np.zeros((len(after), held.encoded.shape[1]), np.float32)
        made.encoded[new], made.has_encoded[new] = held.encoded[old], held.has_encoded[old]
        made.landmarks[new] = held.landmarks[old]

    def keep_in(self, encodings: tuple[Stack, CachedEncodings] | None) -> None:
        """Keep encodings of the database there from now on, those that are known already among them."""
        self._encodings = encodings
        held = self._known.get(id(encodings[0])) if encodings else None
        if encodings is None or held is None or held.encoded is None:
            return
        rows, vectors = encodings[1].recall()
        fresh = ~held.has_encoded[rows]
        held.encoded[rows[fresh]], held.has_encoded[rows[fresh]] = vectors[fresh], True
        held.landmarks[rows[fresh]] = encodings[1].landmarks[rows[fresh]]
        self._save(held, np.flatnonzero(held.has_encoded), whole=False)

    def encode(self, faces: FaceSet) -> Embeddings:
        """Encode faces at their own landmarks, unit length, same ids."""
        base, rows = base_of(faces)
        known_rows = self._known_of(base)
        marks = faces.landmarks
        assert marks is not None, "faces of a run carry landmarks"
        fresh = ~known_rows.has_encoded[rows] | (known_rows.landmarks[rows] != marks).any(axis=(1, 2))
        todo, source = _distinct(np.flatnonzero(fresh), rows, marks)
        out: NDArray[np.float32] | None = None
        with self._task("encode", len(todo)) as advance:
            for start in range(0, len(todo), BATCH):
                part = todo[start : start + BATCH]
                vectors = self._vectors(FaceSet(tuple(faces.ids[r] for r in part), base[rows[part]], marks[part]))
                if known_rows.encoded is None:
                    known_rows.encoded = np.zeros((len(base), vectors.shape[1]), np.float32)
                if out is None:
                    out = np.zeros((len(faces), vectors.shape[1]), np.float32)
                out[part] = vectors
                known_rows.encoded[rows[part]] = vectors
                known_rows.landmarks[rows[part]] = marks[part]
                known_rows.has_encoded[rows[part]] = True
                advance(len(part))
                self._save(known_rows, rows[part], whole=True)
        self._save(known_rows, rows[todo], whole=False)
        if known_rows.encoded is None:
            return Embeddings(faces.ids, np.zeros((0, 1), np.float32), self.space)
        if out is None:
            out = known_rows.encoded[rows]
        else:
            known = np.flatnonzero(~fresh)
            out[known] = known_rows.encoded[rows[known]]
            out = out[source]
        return Embeddings(faces.ids, out, self.space)

    def recognize(self, faces: FaceSet, *, known_landmarks: bool = False) -> Recognition:
        """Find the face in each picture afresh and encode it; see the contract."""
        base, rows = base_of(faces)
        known_rows = self._known_of(base)
        todo = np.unique(rows[np.isnan(known_rows.scores[rows])])
        if len(todo):
            with self._task("look", len(todo)) as advance:
                for start in range(0, len(todo), BATCH):
                    part = todo[start : start + BATCH]
                    self._look_at(known_rows, base, part)
                    advance(len(part))
        scores = known_rows.scores[rows]
        found = scores > 0
        kept = found.copy()
        dim = 0 if known_rows.seen is None else known_rows.seen.shape[1]
        vectors = np.zeros((len(faces), dim), np.float32)
        if known_rows.seen is not None:
            vectors[found] = known_rows.seen[rows[found]]
        if known_landmarks and not found.all():
            missed = np.flatnonzero(~found)
            guessed = self.encode(faces.take(missed)).vectors
            if not dim:
                vectors = np.zeros((len(faces), guessed.shape[1]), np.float32)
            vectors[missed] = guessed
            kept[:] = True
        ids = tuple(i for i, keep in zip(faces.ids, kept.tolist(), strict=True) if keep)
        return Recognition(
            faces.ids,
            np.where(found, scores, 0).astype(np.float32),
            Embeddings(ids, vectors[kept], self.space),
            known_rows.found[rows],
        )

    def as_torch(self) -> TorchEncoder | None:
        """Return the encoder for following gradients, None where it is not differentiable."""
        if not isinstance(self._pool.make(self._encoder), Differentiable):
            return None
        found: TorchEncoder = self._pool.call(self._encoder, verb="as_torch")
        return found

    def _task(self, what: str, count: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show what takes more than a moment; the single candidates of a synthesizer do not."""
        return (self._reporter if count > BATCH else Quiet()).task(f"{what} with {self._encoder.name}", count)

    def _known_of(self, base: Stack) -> _Known:
        if self._cached.get(id(base)) is not base:  # candidates of a synthesizer come and go
            return _Known(base)
        if id(base) not in self._known:
            known_rows = self._known[id(base)] = _Known(base)
            if self._encodings and self._encodings[0] is base:
                known, vectors = self._encodings[1].recall()
                if len(known):
                    known_rows.encoded = np.zeros((len(base), vectors.shape[1]), np.float32)
                    known_rows.encoded[known], known_rows.has_encoded[known] = vectors, True
                    known_rows.landmarks[known] = self._encodings[1].landmarks[known]
        return self._known[id(base)]

    def _save(self, known_rows: _Known, rows: NDArray[np.int64], *, whole: bool) -> None:
        if self._encodings and self._encodings[0] is known_rows.stack and known_rows.encoded is not None and len(rows):
            own = (known_rows.landmarks == self._encodings[1].landmarks).all(axis=(1, 2))
            self._encodings[1].save(rows, known_rows.has_encoded & own, known_rows.encoded, whole=whole)

    def _look_at(self, known_rows: _Known, base: Stack, rows: NDArray[np.int64]) -> None:
        pictures = base[rows]
        key = ""
        if self._recognitions and id(base) in self._cached:
            key = self._recognitions.key(
                pictures=[hashlib.sha256(np.ascontiguousarray(one).tobytes()).hexdigest() for one in pictures]
            )
            held = self._recognitions.get(key)
            if held is not None:
                self._note(known_rows, base, rows, held["places"], held["vectors"], held["scores"], held["landmarks"])
                return
        ids = tuple(f"row-{row}" for row in rows.tolist())
        seen = self._pool.call(self._detector, Photos.from_arrays(ids, list(pictures)))
        by_photo = rows_by_photo(seen)
        places = [n for n, photo in enumerate(ids) if photo in by_photo]
        height, width = pictures.shape[1:3]
        chosen = [nearest_to_centre(seen, by_photo[ids[n]], width, height) for n in places]
        vectors = np.zeros((0, 1), np.float32)
        if places:
            vectors = self._vectors(FaceSet(tuple(ids[n] for n in places), pictures[places], seen.landmarks[chosen]))
        scores, landmarks = seen.scores[chosen], seen.landmarks[chosen]
        if key and self._recognitions:
            kept = np.array(places, np.int64)
            self._recognitions.put(key, places=kept, vectors=vectors, scores=scores, landmarks=landmarks)
        self._note(known_rows, base, rows, np.array(places, np.int64), vectors, scores, landmarks)

    def _note(
        self,
        known_rows: _Known,
        base: Stack,
        rows: NDArray[np.int64],
        places: NDArray[np.int64],
        vectors: NDArray[np.float32],
        scores: NDArray[np.float32],
        landmarks: NDArray[np.float32],
    ) -> None:
        """Remember what was seen in these rows; `places` are those of them in which a face was found."""
        known_rows.scores[rows] = 0
        if not len(places):
            return
        if known_rows.seen is None:
            known_rows.seen = np.zeros((len(base), vectors.shape[1]), np.float32)
        known_rows.seen[rows[places]] = vectors
        known_rows.scores[rows[places]] = scores
        known_rows.found[rows[places]] = landmarks

    def _vectors(self, faces: FaceSet) -> NDArray[np.float32]:
        """Encode faces that stand in a shuffled order among some whose encodings are known.

        Raises:
            ArtifactError: a face that was seen before is encoded otherwise now.
        """
        count, size = len(faces), faces.size
        # faces of another size than the run's, as a component may bring with it, stand among their like
        known = [one for one in self._witnesses.chosen(len(faces)) if one.picture.shape[:2] == size]
        order = np.random.default_rng(count + self._witnesses.calls).permutation(count + len(known))
        images = np.concatenate([np.asarray(faces.images[:]), *(one.picture[None] for one in known)])[order]
        assert faces.landmarks is not None, "faces of a run carry landmarks"
        marks = np.concatenate([faces.landmarks, *(one.landmarks[None] for one in known)])[order]
        asked = FaceSet(tuple(str(n) for n in range(len(order))), images, marks)
        encodings: Embeddings = self._pool.call(self._encoder, asked)
        vectors = np.empty_like(encodings.vectors)
        vectors[order] = encodings.unit().vectors
        self._witnesses.heard(self._encoder.who, known, vectors[count:], faces, vectors[:count])
        return vectors[:count]


def _distinct(
    faces: NDArray[np.int64], rows: NDArray[np.int64], marks: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return those of the faces that are encoded, and for every face whose encoding it has: a picture that many show is one.

    Args:
        faces: places of faces that no encoding is known of.
        rows: `(N,)` the picture of every face; marks: `(N, 5, 2)` where it is in it.
    """
    source = np.arange(len(rows))
    if len(np.unique(rows[faces])) == len(faces):  # as in the database, where nobody shares a picture
        return faces, source
    first: dict[tuple[int, bytes], int] = {}
    for face in faces.tolist():
        source[face] = first.setdefault((int(rows[face]), marks[face].tobytes()), face)
    return faces[source[faces] == faces], source


def base_of(faces: FaceSet) -> tuple[Stack, NDArray[np.int64]]:
    """Return the stack underneath and the row of each face in it."""
    if isinstance(faces.images, IndexedStack):
        return faces.images.pictures, faces.images.rows
    return faces.images, np.arange(len(faces))
