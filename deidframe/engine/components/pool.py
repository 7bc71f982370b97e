"""The components of a run: each is made once, and every call of every one of them goes through one place."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from deidframe.contract.artifacts import Embeddings, FaceSet, Partial
from deidframe.contract.component import Context, Need
from deidframe.contract.errors import ArtifactError, DeidframeError
from deidframe.contract.photos import Photos
from deidframe.contract.roles import VERBS, Fits, Recognizer
from deidframe.contract.stacks import IndexedStack, LazyStack, Stack
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.cache.shards import FORMAT, CachedEncodings, Shard
from deidframe.engine.cache.stage_cache import StageCache
from deidframe.engine.components.boundary import blame, guarded
from deidframe.engine.components.identity import identity
from deidframe.engine.components.recognizer import CachingRecognizer, base_of
from deidframe.engine.components.results import check_result
from deidframe.engine.components.step import Step
from deidframe.engine.components.veil import KEYED, NUMBERED, Veil
from deidframe.engine.runtime.hardware import CPU, device_for, threads_for
from deidframe.engine.runtime.progress import Reporter, tracker
from deidframe.engine.runtime.seeds import derive
from deidframe.models.own import weights_path
from deidframe.recipe.public import without_places

T = TypeVar("T")
OFTEN = 20_000
"""Faces up to which it is checked after each call that they are as they were; of more after every so many calls."""
LOOKED = 2
"""Faces that are read again for it."""


def _without_columns(argument: Any) -> Any:
    """Return an argument without what the owner's table says of people."""
    return replace(argument, columns={}) if isinstance(argument, Embeddings) and argument.columns else argument


def _blacked_out(made: Partial) -> FaceSet:
    """Return the faces with black in the place of those that could not be made, whatever the component left there."""
    base, hidden = made.faces.images, np.array([one in made.withheld for one in made.faces.ids], bool)

    def shown(rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        pictures = np.array(base[rows], np.uint8)
        pictures[hidden[rows]] = 0
        return pictures

    return FaceSet(made.faces.ids, LazyStack(tuple(base.shape), shown), made.faces.landmarks, made.faces.subjects)


class ComponentPool:
    """Makes components, calls them, and keeps what several methods share.

    Args:
        seed: of the run.
        detector: the recipe's, None where there are only encodings.
        scratch: a private folder for temporary files.
        reporter: shows progress.
        offline: no weights are fetched.
        cache: holds what is slow to make, None for nothing.
        networked: the source opens connections while it is read.

    `columns` is what the owner's table says of each picture. `secret` is that of the run, so that one which goes on chooses as
    before. `clear` holds the faces of the run once they are found; encoders that fit learn from them. `draws` draws surrogates on
    other machines, None on this one.
    """

    def __init__(
        self,
        seed: int,
        detector: Step | None,
        scratch: Path,
        reporter: Reporter,
        *,
        offline: bool = False,
        cache: DiskCache | None = None,
        networked: bool = False,
    ) -> None:
        self._networked = networked
        self.seed, self.detector, self.cache = seed, detector, cache
        self.scratch, self.reporter, self.offline = scratch, reporter, offline
        self._made: dict[tuple[str, str], Any] = {}
        self._recognizers: dict[str, CachingRecognizer] = {}
        self._shared: dict[str, Any] = {}
        self._cached: dict[int, Stack] = {}
        self.secret = secrets.token_bytes(32)
        self.columns: Mapping[str, Mapping[str, str]] = {}
        self.draws: Callable[..., Iterator[tuple[int, FaceSet]]] | None = None
        self.clear: FaceSet | None = None
        self.records: list[dict[str, Any]] = []
        self._shards: tuple[Shard, ...] = ()
        self._seconds: dict[str, float] = {}
        self._depth, self._cell = 0, "the run"
        self._left: dict[str, str] = {}
        self._sealed, self._turn = b"", 0

    def call(self, step: Step, *arguments: Any, encoder: Step | None = None, verb: str = "") -> Any:
        """Let a component do its work, and return what it made once that is known to be what its contract says.

        The one place in which a component is made, guarded (see `guarded`), checked, timed and blamed.

        Args:
            step: the component.
            arguments: of its verb, all by position.
            encoder: the one it sees with, if it asks for a recogniser.
            verb: what it is asked to do besides its role's one verb: `fit` or `as_torch` of an encoder, `prepare` of an attacker.

        Raises:
            ArtifactError: it broke its contract, or changed what belongs to the whole process. PluginError: it took too long.
            StageError: it raised something of its own.
        """
        component = self.make(step, encoder)
        verb = verb or VERBS[step.role][1]
        if not step.needs(Need.ATTRIBUTES):
            arguments = tuple(map(_without_columns, arguments))
        veil = self._veil(step)
        given = tuple(map(veil.over, arguments)) if veil else arguments
        with self._guarded(step):
            out = getattr(component, verb)(*given)
        with _named(step):
            self._unharmed(step)
            made = check_result(step, verb, given, out)
        if isinstance(made, Partial):
            there = _blacked_out(made) if not veil else veil.off(_blacked_out(made))
            back = dict(zip(made.faces.ids, there.ids, strict=True))
            self._left.update({back[one]: f"{step.name}: {without_places(why)}" for one, why in made.withheld.items()})
            made = there
        elif veil:
            made = veil.off(made)
        return self._with_guarded_pictures(step, made) if isinstance(made, FaceSet) else made

    def leave_out(self, face: str, why: str) -> None:
        """Note that no picture of a face was made: it is withheld."""
        self._left[face] = why

    def guarded_open(self, step: Step, photos: Photos, photo: str) -> NDArray[np.uint8]:
        """Open a photo that a component made, which may be work of its own.

        Raises:
            UnreadablePhoto: it cannot be opened.
        """
        with self._guarded(step):
            return photos.open(photo)

    def leave(self, told: Mapping[str, str]) -> None:
        """Say which faces (the keys) show what was given to a component under another id (the values)."""
        named = {face: self._left[shown] for face, shown in told.items() if shown in self._left}
        for shown in set(told.values()):
            self._left.pop(shown, None)
        self._left.update(named)

    def take_left(self) -> dict[str, str]:
        """Return face -> why a component made no picture of it, since the last call; such faces are withheld."""
        taken, self._left = self._left, {}
        return taken

    def _refused(self, step: Step) -> str:
        """Return why the component may open no connection, "" where it may."""
        if self.offline:
            return "--offline forbids it"
        # pictures of a source that reads from a URL are opened inside the calls of others
        return "" if self._networked or step.networked else f"{step.who} does not say that it needs one (Need.NETWORK)"

    def _unharmed(self, step: Step) -> None:
        """Check that a component left what others see as it was: where the faces lie, who they are, and some of the faces.

        All faces are compared with what they first were whenever they are read; here a few are, so that the one is named that
        changed them.

        Raises:
            ArtifactError: it did not.
        """
        if self.clear is None or self._depth or not self._sealed:
            return
        self._turn += 1
        if len(self.clear) > OFTEN and self._turn % (len(self.clear) // OFTEN):
            return
        if seal_of(self.clear) != self._sealed:
            raise ArtifactError(step.who, "its input", "landmarks and labels as they were", "others: it wrote into them")
        rows = (np.arange(LOOKED) + LOOKED * self._turn) % len(self.clear)
        try:
            self.clear.images[rows]
        except ArtifactError as error:
            raise ArtifactError(step.who, "its input", "faces as they were", "others: it wrote into them") from error

    def _veil(self, step: Step) -> Veil | None:
        if step.role in NUMBERED:
            return Veil(None)
        return Veil(hmac.digest(self.secret, f"ids|{step.key}".encode(), "sha256")) if step.role in KEYED else None

    @contextmanager
    def _guarded(self, step: Step, *, importing: bool = False) -> Iterator[None]:
        """Guard what a component does, time the outermost call, and blame the component for what it raises."""
        start = time.perf_counter()
        self._depth += 1
        try:
            # an attack's scores reach no release, and large ones want all cores
            exact, nested = step.role != "attacker", self._depth > 1
            with guarded(step.who, exact=exact, nested=nested, importing=importing, network=self._refused(step)):
                yield
        except KeyboardInterrupt:
            raise  # the user's own, or a polite end that a scheduler asks for
        except BaseException as error:  # whatever else it raises is its failure, and not the end of the run
            with _named(step):
                raise blame(self._cell, step, error) from error
        finally:
            self._depth -= 1
            if not self._depth:
                self._seconds[step.role] = self._seconds.get(step.role, 0.0) + time.perf_counter() - start

    def _with_guarded_pictures(self, step: Step, made: FaceSet) -> FaceSet:
        """Return the same faces; pictures that the component makes only when they are asked for are made under its guard, too."""
        images = made.images
        base, rows = (images.pictures, images.rows) if isinstance(images, IndexedStack) else (images, None)
        if isinstance(base, np.ndarray):
            return made
        stack: Stack = _GuardedStack(base, step, self._guarded)
        return FaceSet(made.ids, stack if rows is None else IndexedStack(stack, rows), made.landmarks, made.subjects)

    def once(self, key: str, make: Callable[[], T]) -> T:
        """Return what `make` gives, made on the first call with this key: what several methods of a run share."""
        if key not in self._shared:
            self._shared[key] = make()
        found: T = self._shared[key]
        return found

    @contextmanager
    def working_on(self, cell: str) -> Iterator[None]:
        """Name what is done inside, for the errors of components."""
        before, self._cell = self._cell, cell
        try:
            yield
        finally:
            self._cell = before

    def take_seconds(self) -> dict[str, float]:
        """Return role -> seconds that components of it worked since the last call; what they asked of others is theirs."""
        taken, self._seconds = self._seconds, {}
        return taken

    def forget(self, step: Step, encoder: Step | None = None) -> None:
        """Let the component be made anew when it is next called, with nothing of what it learnt."""
        self._made.pop(self._key(step, encoder), None)

    @staticmethod
    def _key(step: Step, encoder: Step | None) -> tuple[str, str]:
        return step.key, encoder.key if encoder and step.needs(Need.RECOGNIZER) else ""

    def make(self, step: Step, encoder: Step | None = None) -> Any:
        """Return the step's component, made on first use; `encoder` names the one it sees with if it asks for a recogniser.

        Raises:
            StageError: it raised something of its own. PluginError: it took too long.
        """
        key = self._key(step, encoder)
        if key not in self._made:
            folder = self.scratch / hashlib.sha256("|".join(key).encode()).hexdigest()[:16]
            folder.mkdir(exist_ok=True)
            recognizer: Recognizer | None = self.recognizer(encoder) if encoder and step.needs(Need.RECOGNIZER) else None
            context = Context(
                seed=derive(self.seed, step.key),
                scratch=folder,
                device=device_for(asks=step.asks_gpu),
                threads=threads_for(),
                log=self.reporter.say,
                track=tracker(self.reporter),
                recognizer=recognizer,
                offline=self.offline,
                recognizers={name: self.recognizer(other) for name, other in step.recognizers.items()},
                record=self._record,
                secret=hmac.digest(self.secret, step.key.encode(), "sha256"),
            )
            if not step.loaded.listed.environment:  # another environment fetches its own
                for name in step.weights:  # a download has all the time that it needs
                    self._fetch(step, name, context)
            with self.working_on("making it"), self._guarded(step, importing=True):
                self._made[key] = step.loaded.make(step.params, context)
        return self._made[key]

    def _fetch(self, step: Step, name: str, context: Context) -> None:
        """Fetch weights that the component lists; what is said if they cannot be had, it decides."""
        if not self.offline:
            with suppress(DeidframeError):
                weights_path(step.loaded.listed.package[0], name, context)

    def facts(self, step: Step, encoder: Step) -> dict[str, Any]:
        """Return all that a synthesizer's pictures depend on besides its input, for the cache."""
        detector = self.detector
        return {
            "what": "surrogate",
            "step": identity(step),
            "recognizer": identity(encoder),
            "detector": identity(detector) if detector else None,
            "seed": derive(self.seed, step.key),
            **self._elsewhere(step),
        }

    @staticmethod
    def _elsewhere(step: Step) -> dict[str, str]:
        """Return the device where it is not the processor: another one rounds otherwise."""
        device = device_for(asks=step.asks_gpu)
        return {} if device == CPU else {"device": device}

    def recognizer(self, encoder: Step) -> CachingRecognizer:
        """Return the recipe's detector together with this encoder."""
        if encoder.key not in self._recognizers:
            if self.detector is None:
                raise DeidframeError("there is no detector, so no picture can be examined")
            fitted = isinstance(self.make(encoder), Fits) and self.clear is not None
            if fitted and self.clear is not None:
                self.call(encoder, self.clear.without_subjects(), verb="fit")
            recognitions, encodings = self._caches(encoder, fitted=fitted)
            self._recognizers[encoder.key] = CachingRecognizer(
                self, self.detector, encoder, self.reporter, self._cached, recognitions, encodings
            )
        return self._recognizers[encoder.key]

    def stage_cache(self, what: str, *steps: Step, **facts: Any) -> StageCache | None:
        """Return where results of these components are kept; None without a cache, or where equal input may give another."""
        if self.cache is None or not all(step.loaded.component.deterministic for step in steps):
            return None
        seed = self.seed
        made_by = [{**identity(step), "seed": derive(seed, step.key), **self._elsewhere(step)} for step in steps]
        return StageCache(self.cache, {"what": what, "format": FORMAT, "steps": made_by, **facts})

    def _caches(self, encoder: Step, *, fitted: bool) -> tuple[StageCache | None, tuple[Stack, CachedEncodings] | None]:
        """Return where what a recogniser saw and its encodings of the database are kept."""
        assert self.detector is not None
        every = all(shard.key for shard in self._shards)
        if fitted and not every:  # what it learnt from is not known
            return None, None
        learnt = {"fitted": [shard.key for shard in self._shards]} if fitted else {}
        recognitions = self.stage_cache("recognitions", self.detector, encoder, **learnt)
        cached = self.stage_cache("encodings", encoder, **learnt)
        if cached is None or self.clear is None or self.clear.landmarks is None:
            return recognitions, None
        base, rows = base_of(self.clear)
        if len(rows) != len(base) or not (rows == np.arange(len(base))).all():
            return recognitions, None
        return recognitions, (base, CachedEncodings(cached, self._shards, self.clear.landmarks))

    def use_database(self, faces: FaceSet, shards: tuple[Shard, ...]) -> None:
        """Let every recogniser keep what it sees of the faces of the run; what was the database before is forgotten."""
        before, known = self.clear, self._shards
        self.cache_faces(faces)
        self.clear, self._shards = faces, shards
        self._sealed = seal_of(faces)
        if before is not None and base_of(before)[0] is base_of(faces)[0] and known == shards:
            return  # what is kept of them is known already
        if before is not None and base_of(before)[0] is not base_of(faces)[0]:
            self.drop_faces(before)
        for key, recognizer in list(self._recognizers.items()):  # who was asked before this was the database
            if isinstance(self.make(recognizer.encoder), Fits):
                del self._recognizers[key]
            else:
                recognizer.keep_in(self._caches(recognizer.encoder, fitted=False)[1])

    def carry(self, before: FaceSet, after: FaceSet, old: NDArray[np.int64], new: NDArray[np.int64]) -> None:
        """Let every recogniser know that faces `new` of one set are faces `old` of another, pixel for pixel."""
        self.cache_faces(after)
        for recognizer in self._recognizers.values():
            recognizer.carry(base_of(before)[0], base_of(after)[0], old, new)

    def encode(self, encoder: Step, faces: FaceSet) -> Embeddings:
        """Return unit encodings of aligned faces, from memory where they are known."""
        return self.recognizer(encoder).encode(faces)

    def _record(self, name: str, data: Mapping[str, Any]) -> None:
        self.records.append({"name": name, **data})

    def take_records(self) -> list[dict[str, Any]]:
        """Return what components recorded since the last call."""
        taken, self.records = self.records, []
        return taken

    def cache_faces(self, faces: FaceSet) -> None:
        """Let every recogniser keep what it sees of these faces until `drop_faces`."""
        base = base_of(faces)[0]
        self._cached[id(base)] = base

    def holds(self, base: Stack) -> bool:
        """Whether a stack stays until it is dropped, so that what is made of it may be kept under its identity."""
        return self._cached.get(id(base)) is base or (self.clear is not None and base_of(self.clear)[0] is base)

    def follow(self, before: FaceSet, after: FaceSet) -> None:
        """Let every recogniser know that these pictures are those, read from another place."""
        old, new = base_of(before)[0], base_of(after)[0]
        self._cached.pop(id(old), None)
        self._cached[id(new)] = new
        for recognizer in self._recognizers.values():
            recognizer.follow(old, new)

    def drop_faces(self, faces: FaceSet) -> None:
        """Let every recogniser drop a method's faces."""
        self._cached.pop(id(base_of(faces)[0]), None)
        for recognizer in self._recognizers.values():
            recognizer.drop_faces(faces)


def seal_of(faces: FaceSet) -> bytes:
    """Return a sha256 over landmarks, ids and labels."""
    digest = hashlib.sha256(b"" if faces.landmarks is None else np.ascontiguousarray(faces.landmarks).tobytes())
    digest.update(repr((faces.ids, faces.subjects)).encode("utf-8", "surrogateescape"))
    return digest.digest()


@contextmanager
def _named(step: Step) -> Iterator[None]:
    """Note on an error whose component it came from, where nobody inside has."""
    try:
        yield
    except DeidframeError as error:
        if not hasattr(error, "by"):
            listed = step.loaded.listed
            error.by = f"{listed.distribution} {listed.version}"  # type: ignore[attr-defined]
        raise


class _GuardedStack:
    """A component's own stack, read under its guard and checked."""

    def __init__(self, pictures: Stack, step: Step, guard: Callable[[Step], AbstractContextManager[None]]) -> None:
        self._pictures, self._step, self._guard = pictures, step, guard

    @property
    def shape(self) -> tuple[int, ...]:
        """As of the stack underneath."""
        return tuple(self._pictures.shape)

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        with self._guard(self._step):
            out = self._pictures[key]
        shape = (len(np.arange(len(self))[key]), *self.shape[1:])
        if not isinstance(out, np.ndarray) or out.dtype != np.uint8 or out.shape != shape:
            got = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
            raise ArtifactError(self._step.who, "images", f"uint8 {shape}", got)
        return out
