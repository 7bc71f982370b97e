"""One method over a database of scenes: its surrogates drawn into whole photos, checked on the files, and found afresh."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import NothingToDo, UnreadablePhoto, UsageError
from deidframe.contract.photos import Photos
from deidframe.contract.stacks import Stack
from deidframe.engine.cache.shards import fingerprints_of
from deidframe.engine.components.identity import told as made_by
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.intake.crops import SIZE, CropStack
from deidframe.engine.planning.plan import MethodPlan, ScenePart
from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.scenes.cast import SCOPES, Cast, fewest_shown, planned_photo
from deidframe.engine.scenes.checks import Wanted
from deidframe.engine.scenes.covers import redacted
from deidframe.engine.scenes.drawn_films import DrawnFilms, draw_films
from deidframe.engine.scenes.film import ViewStack
from deidframe.engine.scenes.folder import write_withheld
from deidframe.engine.scenes.gathered import Gathered, JoinedStack, gather
from deidframe.engine.scenes.look import Looker
from deidframe.engine.scenes.photos import FACES, Drawn, draw_photos, in_words
from deidframe.engine.scenes.posed import draw
from deidframe.engine.scenes.review import doubts_of_photos, doubts_of_tracks, write_review
from deidframe.engine.scenes.strangers import check_strangers
from deidframe.engine.scenes.strip import Trembling, strip
from deidframe.engine.scenes.video import TRACKS
from deidframe.guard.certificate import Certificate
from deidframe.guard.hygiene import decode_jpeg
from deidframe.guard.release import Release
from deidframe.guard.scene import (
    SceneCertificate,
    SceneCount,
    StrangerCount,
    SurrogateCount,
    both,
    certify_films,
    certify_scenes,
    scene_statement,
)
from deidframe.guard.statement import Reached
from deidframe.measure.interval import mean_by_person
from deidframe.measure.rank import by_person
from deidframe.record.release import COMPARED, PROMISED, publish, restate
from deidframe.record.write import write_bytes

FACTS = {"kind": "scenes"}
SHOWN = 8
"""Photos and frames of a strip, at most."""


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
        roi = part.spec.roi
        self._film_lookers = [one.within(roi.boxes) for one in self._lookers] if roi is not None else self._lookers
        self._home = folder / "private" / "scenes"
        self.gathered: Gathered | None = None

    def gather(self, photos: Photos, fingerprints: Sequence[str] | None, digests: Mapping[str, str]) -> Gathered:
        """Look at every photo and video; see `gather`."""
        exempt = {one.photo for one in self.part.spec.exempt}
        missing = sorted(exempt - {*photos.ids, *photos.films})
        if missing:
            raise UsageError(f"scene.exempt: {missing[0]!r}: no such photo or video")
        told = "|".join([*(one.told for one in self._film_lookers), made_by(self.part.landmarker)])
        with self._pool.working_on("finding faces"):
            marks = list(fingerprints) if fingerprints else fingerprints_of(photos)
            home = self._home / "seen"
            lookers = self._lookers, self._film_lookers
            self.gathered = gather(photos, marks, digests, *lookers, self._mark, told, home, self._reporter, exempt)
        return self.gathered

    def release(self, method: MethodPlan, release: Release, certificate: Certificate) -> SceneRelease:
        """Draw a method's surrogates into all photos and videos, check the files and publish them.

        Args:
            method: the method.
            release: its surrogates, on their files.
            certificate: of the surrogates.

        Raises:
            NothingToDo: no file could be released. ReleaseRefused: a count does not add up.
        """
        gathered = self.gathered
        assert gathered is not None, "scenes are looked at before methods begin"
        spec = self.part.spec
        redactor = method.steps.get("redactor")
        blind_redactor = redactor is not None and redactor.params.per_subject
        scope = SCOPES[spec.scope]
        cast = Cast(release, self._mark, scope.rim) if release.groups is not None or blind_redactor else None
        cover = draw if cast else redacted(functools.partial(self._pool.call, method.steps["redactor"]))
        shown = [f"{face}:{digest}" for face, digest in release.digests.items()]
        behind = "|".join([method.slug, spec.scope, spec.sound, *(one.told for one in self._film_lookers), *shown])
        told = hashlib.sha256(behind.encode("utf-8", "surrogateescape")).hexdigest()
        exempt = tuple((one.photo, one.reason) for one in spec.exempt)
        planned = functools.partial(planned_photo, gathered, cast, scope.grow)
        wanted = Wanted(cover, method.name, cast is not None, spec.allow_faceless, exempt, told, planned)
        in_photos = replace(wanted, exempt=tuple(one for one in exempt if one[0] not in gathered.films))
        private, taken = self._home / f"{method.slug}-{told[:16]}", set[str]()
        still = replace(gathered.photos, skipped=gathered.unread, films={})
        photos = draw_photos(still, self._lookers, in_photos, private, taken, self._reporter)
        films = draw_films(
            gathered.films,
            cast,
            scope.grow,
            self._mark,
            self._film_lookers,
            wanted,
            private,
            taken,
            self._reporter,
            sound=spec.sound == "keep",
        )
        if not len(still):  # what is no video either is told with the videos
            films = replace(films, withheld={**films.withheld, **gathered.unread})
        withheld = {**photos.withheld, **films.withheld}
        write_withheld(private, withheld)
        if not photos.rows and not films.rows:
            raise NothingToDo(f"no photo or video could be released: {in_words(withheld)}")
        behind_it = None if cast is None else self._behind(method, release, certificate, [*photos.drawn, *films.drawn])
        names = tuple(one.name for one in self._lookers)
        reasons = tuple(why for name, why in exempt if name not in gathered.films)
        film_reasons = tuple(why for name, why in exempt if name in gathered.films)
        why = spec.roi.reason if spec.roi is not None and gathered.films else ""
        blind = wanted.blind
        said = both(
            certify_scenes(photos.count(blind=blind), method.name, names, reasons, behind_it) if len(still) else None,
            certify_films(films.count(blind=blind, roi=why), method.name, names, behind_it, film_reasons)
            if gathered.films or not len(still)
            else None,
        )
        stated = scene_statement(said)
        target = self._folder / (PROMISED if stated.promised else COMPARED) / method.slug
        facts = {**FACTS, "method": method.name}
        files = {**photos.files, **films.files}
        publish(private / "staged", target, files, said.as_dict(), facts, stated.as_dict(), stated.text(method.name))
        self._review(private, target, photos, films)
        if stated.promised:
            self._strip(method, target, photos, films)
        return self._found(method, target, said, photos, films, release)

    def _strip(self, method: MethodPlan, folder: Path, photos: Drawn, films: DrawnFilms) -> None:
        """Write the strip that a report shows: released files with the most drawn faces."""
        order = sorted(photos.rows, key=lambda row: -sum(face["drawn"] for face in row["faces"]))[:SHOWN]
        clips = [(folder / row["name"], int(row["shown"])) for row in films.rows[:SHOWN]]
        data = strip([folder / row["name"] for row in order[: SHOWN - min(len(clips), SHOWN // 2)]], clips)
        if data is not None:
            write_bytes(self._folder / "figures" / "strips" / f"{method.slug}.jpg", data)

    def _review(self, private: Path, folder: Path, photos: Drawn, films: DrawnFilms) -> None:
        """Write the page of what deserves a look, once more for each method."""
        gathered = self.gathered
        assert gathered is not None
        doubts = [*doubts_of_photos(private / FACES)]
        doubts += [one for listed in sorted(private.glob(f"videos/*/{TRACKS}")) for one in doubts_of_tracks(listed)]
        released = {row["photo"]: folder / row["name"] for row in photos.rows} | {
            name: folder / file for name, file in films.names.items()
        }

        def original(name: str) -> Path | NDArray[np.uint8]:
            film = gathered.films.get(name)
            return film.path if film is not None else gathered.photos.open(name)

        write_review(private, doubts, original, released)

    def _behind(
        self, method: MethodPlan, release: Release, certificate: Certificate, drawn: Sequence[str]
    ) -> SurrogateCount | StrangerCount:
        """Return who stands behind what is drawn: groups, as counted on the files of their surrogates, or strangers."""
        scope = SCOPES[self.part.spec.scope].words
        if release.groups is None:
            checked = check_strangers(self._pool, method.steps["redactor"], release)
            return StrangerCount(method.name, scope, len(set(release.subjects)), checked, len(release))
        assert certificate.k_asked is not None and certificate.groups is not None, "a method of groups has a k"
        asked, counted = certificate.k_asked, certificate.k_counted
        fewest = fewest_shown(release, drawn)
        return SurrogateCount(
            method.name, scope, asked, counted, certificate.people, certificate.groups, fewest, certificate.checks
        )

    def restate(
        self, release: SceneRelease, attacks: Sequence[Reached], licences: Sequence[str], unfinished: Sequence[str] = ()
    ) -> None:
        """Say in a published folder what the attacks reached, and which ended without a result."""
        said = scene_statement(release.certificate, attacks, licences, unfinished)
        restate(release.folder, release.folder, said.as_dict(), said.text(release.method))

    def _found(
        self, method: MethodPlan, folder: Path, certificate: SceneCertificate, photos: Drawn, films: DrawnFilms, release: Release
    ) -> SceneRelease:
        """Return the released faces, cut out of the published files as somebody would who has nothing else."""
        gathered = self.gathered
        assert gathered is not None
        rows = {row["photo"]: row for row in photos.rows}
        names = {photo: row["name"] for photo, row in rows.items()}
        person_of, target = release.person_of, align.template(SIZE)
        views, again, file_of = list[str](), list[float](), dict[str, str]()
        matrices, marks, beside = list[NDArray[np.float64]](), list[NDArray[np.float32]](), list[NDArray[np.float32]]()
        for view in release.faces.ids:
            photo, number = gathered.place_of.get(view, ("", 0))
            if photo not in rows or rows[photo]["exempt"]:
                continue
            seen = rows[photo]["faces"][number]
            own = gathered.rows(photo)
            points = np.array(seen["again"], np.float32) if seen["again"] is not None else own.landmarks[number]
            try:
                matrix = align.similarity(points, target)
            except ValueError:
                matrix = align.similarity(own.landmarks[number], target)
            views.append(view)
            again.append(float(seen["again"] is not None))
            file_of[view] = names[photo]
            matrices.append(matrix)
            marks.append(align.apply(matrix, points))
            beside.append(np.delete(own.boxes, number, axis=0))
        photo_ids = tuple(gathered.place_of[view][0] for view in views)
        opened = Photos(tuple(names), ReleasedPhotos(folder, names))
        stacks: list[Stack] = [CropStack(opened, photo_ids, np.array(matrices).reshape(-1, 2, 3), dict(enumerate(beside)))]
        for one in films.found:
            kept = [row for row, view in enumerate(one.views) if view in person_of]
            views += [one.views[row] for row in kept]
            again += one.again[kept].astype(float).tolist()
            file_of |= {one.views[row]: one.file for row in kept}
            marks += list(one.marks[kept])
            stacks.append(ViewStack(one.faces.path, one.faces.slots[kept]))
        people = tuple(person_of[view] for view in views)
        shown = FaceSet(tuple(views), JoinedStack(tuple(stacks)), np.array(marks, np.float32).reshape(-1, 5, 2), people)
        metrics: dict[str, Any] = {}
        share = mean_by_person(by_person(list(people), np.array(again)), proportion=True) if views else None
        if share is not None:
            metrics["scene_faces_found"] = share.as_dict()
        metrics["scene_drawn"] = drawn_share(certificate)
        metrics |= _of_films(films.rows)
        metrics["scene_repaired"] = sum(count.repaired for count in (certificate.count, certificate.films) if count is not None)
        return SceneRelease(method.name, folder, certificate, shown, file_of, metrics)


def _of_films(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return how many frames a second were drawn and checked, and how often as much faces tremble as they did."""
    out: dict[str, float] = {}
    if rows:
        out["scene_frames_a_second"] = sum(row["count"]["frames"] for row in rows) / max(
            1e-6, sum(row["seconds"] for row in rows)
        )
        ratio = sum((Trembling(**row["trembling"]) for row in rows), Trembling()).ratio
        if ratio is not None:
            out["scene_trembling"] = ratio
    return out


def drawn_share(certificate: SceneCertificate) -> float:
    """Return how many of the covered faces of photos, and of frames, are drawn over."""
    drawn = covered = 0
    for count in (certificate.count, certificate.films):
        if isinstance(count, SceneCount):
            drawn, covered = drawn + count.drawn, covered + count.covered
        elif count is not None:
            drawn, covered = drawn + count.drawn, covered + count.seen + count.filled + count.extended
    return drawn / max(1, covered)


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
