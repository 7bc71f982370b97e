"""People of an attacker's own, from another source than the database."""

from __future__ import annotations

import functools

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import ArtifactError, NothingToDo, UsageError
from deidframe.contract.photos import Photos
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.intake.take_in import take_in

NO_LABELS = "the attacker's own source names nobody, so there is nothing to learn"


def own_faces(pool: ComponentPool, source: Step, clear: FaceSet) -> FaceSet:
    """Return the aligned faces of a source with their people, found once for all attacks of a run.

    Raises:
        NothingToDo: the source names nobody, or no face is found. UsageError: somebody is in the database, too.
    """

    def found() -> FaceSet:
        photos = pool.call(source)
        if not isinstance(photos, Photos):
            raise ArtifactError(source.who, "result", "pictures", type(photos).__name__)
        if photos.subjects is None:
            raise NothingToDo(NO_LABELS)
        assert pool.detector is not None, "the recogniser of an attack has one"
        detect = functools.partial(pool.call, pool.detector)
        faces = take_in(photos, photos.subjects, detect, pool.reporter, sure=pool.detector.loaded.component.sure).faces
        pool.cache_faces(faces)
        return faces

    faces = pool.once(f"own people|{source.key}", found)
    both = sorted(set(faces.subjects or ()) & set(clear.subjects or ()))
    if both:
        raise UsageError(f"the attacker's own people are not the attacked: {both[0]!r} is in both, {len(both)} in all")
    return faces
