"""One method over a database of scenes: its surrogates drawn into whole photos, checked on the files, and found afresh."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import UnreadablePhoto
from deidframe.contract.photos import Photos
from deidframe.engine.cache.shards import fingerprints_of
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.intake.crops import SIZE, CropStack
from deidframe.engine.planning.plan import MethodPlan, ScenePart
from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.scenes.cast import SCOPES, Cast, planned_photo
from deidframe.engine.scenes.checks import Wanted
from deidframe.engine.scenes.covers import redacted
from deidframe.engine.scenes.gathered import Gathered, gather
from deidframe.engine.scenes.look import Looker
from deidframe.engine.scenes.photos import Drawn, draw_photos
from deidframe.engine.scenes.posed import draw
from deidframe.guard.certificate import Certificate
from deidframe.guard.hygiene import decode_jpeg
from deidframe.guard.release import Release
from deidframe.guard.scene import SceneCertificate, SurrogateCount, certify_scenes, scene_statement
from deidframe.guard.statement import Reached
from deidframe.measure.interval import mean_by_person
from deidframe.measure.rank import by_person
from deidframe.record.release import COMPARED, PROMISED, publish, restate

SCOPE_WORDS = {"face": "the face", "wide": "the face and a rim around it"}
FACTS = {"kind": "scenes"}


@dataclass(frozen=True)
class SceneRelease:
    """A method's photos, where they are public.

    Args:
        method: its name.
        folder: of the photos.
        certificate: what can be said of them.
        faces: the released faces, cut out of the photos where a detector finds them again, else where they were.
        file_of: face -> the photo's file on which it is.
        metrics: what was measured on the way.
    """

    method: str
    folder: Path
    certificate: SceneCertificate
    faces: FaceSet
    file_of: dict[str, str]
    metrics: dict[str, Any]


class SceneRoom:
    """What all methods over one database of scenes share.

    Args:
        part: the plan's.
        pool: of the run.
        folder: the run folder.
        reporter: shows progress.
    """

    def __init__(self, part: ScenePart, pool: ComponentPool, folder: Path, reporter: Reporter) -> None:
        self.part, self._folder, self._reporter = part, folder, reporter
        self._pool = pool
        self._lookers = [Looker.of(pool, step) for step in part.detectors]
        self._mark = functools.partial(pool.call, part.landmarker)
        self._home = folder / "private" / "scenes"
        self.gathered: Gathered | None = None

    def gather(self, photos: Photos, fingerprints: Sequence[str] | None) -> Gathered:
        """Look at every photo; see `gather`."""
        told = "|".join([*(one.told for one in self._lookers), self.part.landmarker.key])
        with self._pool.working_on("finding faces"):
            marks = list(fingerprints) if fingerprints else fingerprints_of(photos)
            self.gathered = gather(photos, marks, self._lookers, self._mark, told, self._home / "seen", self._reporter)
        return self.gathered

    def release(self, method: MethodPlan, release: Release, certificate: Certificate) -> SceneRelease:
        """Draw a method's surrogates into all photos, check the files and publish them.

        Args:
            method: the method.
            release: its surrogates, on their files.
            certificate: of the surrogates.

        Raises:
            NothingToDo: no photo could be released. ReleaseRefused: a count does not add up.
        """
        gathered = self.gathered
        assert gathered is not None, "photos are looked at before methods begin"
        spec = self.part.spec
        drawn_with = Cast(release, self._mark) if release.groups is not None else None
        grow = SCOPES[spec.scope]
        cover = draw if drawn_with else redacted(functools.partial(self._pool.call, method.steps["redactor"]))
        behind = "|".join([method.slug, spec.scope, *(f"{face}:{digest}" for face, digest in release.digests.items())])
        told = hashlib.sha256(behind.encode("utf-8", "surrogateescape")).hexdigest()
        exempt = tuple((one.photo, one.reason) for one in spec.exempt)
        planned = functools.partial(planned_photo, gathered, drawn_with, grow)
        wanted = Wanted(cover, method.name, drawn_with is not None, spec.allow_faceless, exempt, told, planned)
        private = self._home / f"{method.slug}-{told[:16]}"
        done = draw_photos(gathered.photos, self._lookers, wanted, private, self._reporter)
        behind_it = None
        if drawn_with is not None:
            assert certificate.k_asked is not None and certificate.groups is not None
            scope = SCOPE_WORDS[spec.scope]
            behind_it = SurrogateCount(
                method.name,
                scope,
                certificate.k_asked,
                certificate.k_counted,
                certificate.people,
                certificate.groups,
                certificate.checks,
            )
        names = tuple(one.name for one in self._lookers)
        said = certify_scenes(done.count(blind=wanted.blind), method.name, names, tuple(dict(exempt).values()), behind_it)
        stated = scene_statement(said)
        target = self._folder / (PROMISED if stated.promised else COMPARED) / method.slug
        facts = {**FACTS, "method": method.name}
        publish(private / "staged", target, done.files, said.as_dict(), facts, stated.as_dict(), stated.text(method.name))
        return self._found(method, target, said, done, release)

    def restate(self, release: SceneRelease, attacks: Sequence[Reached], licences: Sequence[str]) -> None:
        """Say in a published folder what the attacks reached."""
        said = scene_statement(release.certificate, attacks, licences)
        restate(release.folder, release.folder, said.as_dict(), said.text(release.method))

    def _found(
        self, method: MethodPlan, folder: Path, certificate: SceneCertificate, done: Drawn, release: Release
    ) -> SceneRelease:
        """Cut the released faces out of the published photos, as somebody would who has nothing else."""
        gathered = self.gathered
        assert gathered is not None
        rows = {row["photo"]: row for row in done.rows}
        names = {photo: row["name"] for photo, row in rows.items()}
        target = align.template(SIZE)
        kept: list[int] = []
        matrices, marks, beside = list[NDArray[np.float64]](), list[NDArray[np.float32]](), list[NDArray[np.float32]]()
        again: list[float] = []
        for place, view in enumerate(release.faces.ids):
            photo, number = gathered.place_of[view]
            if photo not in rows or rows[photo]["exempt"]:
                continue
            seen = rows[photo]["faces"][number]
            own = gathered.rows(photo)
            points = np.array(seen["again"], np.float32) if seen["again"] is not None else own.landmarks[number]
            try:
                matrix = align.similarity(points, target)
            except ValueError:
                matrix = align.similarity(own.landmarks[number], target)
            kept.append(place)
            again.append(float(seen["again"] is not None))
            matrices.append(matrix)
            marks.append(align.apply(matrix, points))
            beside.append(np.delete(own.boxes, number, axis=0))
        taken = [release.faces.ids[place] for place in kept]
        photo_ids = tuple(gathered.place_of[view][0] for view in taken)
        photos = Photos(tuple(names), ReleasedPhotos(folder, names))
        people = tuple(release.subjects[place] for place in kept)
        stack = CropStack(photos, photo_ids, np.array(matrices).reshape(-1, 2, 3), tuple(beside))
        faces = FaceSet(tuple(taken), stack, np.array(marks, np.float32).reshape(-1, 5, 2), people)
        metrics: dict[str, Any] = {}
        share = mean_by_person(by_person(list(people), np.array(again)), proportion=True) if kept else None
        if share is not None:
            metrics["scene_faces_found"] = share.as_dict()
        count = certificate.count
        metrics["scene_drawn"] = getattr(count, "drawn", 0) / max(1, getattr(count, "covered", 0))
        file_of = {view: names[photo] for view, photo in zip(taken, photo_ids, strict=True)}
        return SceneRelease(method.name, folder, certificate, faces, file_of, metrics)


class ReleasedPhotos:
    """Opens released photos.

    Args:
        folder: where they lie.
        names: photo -> file.
    """

    def __init__(self, folder: Path, names: dict[str, str]) -> None:
        self._folder, self._names = folder, names

    def __call__(self, photo: str) -> NDArray[np.uint8]:
        """Return the pixels of one photo."""
        try:
            return decode_jpeg((self._folder / self._names[photo]).read_bytes())
        except OSError as error:
            raise UnreadablePhoto(str(error.strerror)) from None
