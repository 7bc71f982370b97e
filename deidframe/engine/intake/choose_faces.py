"""In pictures of several people: the face that agrees with the other pictures of the label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import NothingToDo
from deidframe.contract.photos import Photos
from deidframe.engine.cache.disk_cache import DiskCache
from deidframe.engine.cache.shards import Shard
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.intake.crops import SIZE, CropStack
from deidframe.engine.intake.take_in import Found, Intake
from deidframe.engine.runtime.progress import Reporter
from deidframe.guard.which_face import ALONE, UNCLEAR, choose
from deidframe.words import counted

UNCLEAR_FACE = "which of its faces is meant is not clear"
LEAST = 0.04
"""Faces smaller than this part of the largest one's area are not taken for the labelled person."""


def choose_faces(pool: ComponentPool, intake: Intake, photos: Photos, encoder: Step, reporter: Reporter) -> Intake:
    """Return the faces with the labelled person's in the place of the one nearest to the centre.

    Pictures of which the owner gave a box stay as they are, and so do those whose label has no other picture. Where no face
    agrees with the label, or two do, the picture is withheld.

    Args:
        photos: the database.
        encoder: one that knows how alike pictures of one person are.
    """
    known = encoder.loaded.component.same_person
    assert known is not None, "the planner takes an encoder that can tell"
    faces, labels = intake.faces, intake.faces.subjects or ()
    candidates = [(row, _candidates(one)) for row, one in intake.found.items() if faces.ids[row] not in photos.boxes]
    several = [(row, places) for row, places in candidates if len(places) > 1]
    if not several or known.stray_few < 0:
        return intake
    recognizer = pool.recognizer(encoder)
    concerned = {labels[row] for row, _ in several}  # nobody else's pictures have a say
    rows = [row for row, label in enumerate(labels) if label in concerned]
    place = {row: n for n, row in enumerate(rows)}
    encoded = recognizer.encode(faces.take(rows)).vectors
    shown = _shown(photos, faces, intake.found, several)
    seen = recognizer.encode(shown).vectors
    starts = np.cumsum([0, *(len(places) for _, places in several)])
    asked = [(place[row], seen[starts[n] : starts[n + 1]]) for n, (row, _) in enumerate(several)]
    chosen = choose(encoded, [labels[row] for row in rows], asked, known)
    found, withheld, changed = dict(intake.found), dict(intake.withheld), {}
    for (row, places), answer in zip(several, chosen, strict=True):
        if answer == UNCLEAR:
            withheld[faces.ids[row]] = UNCLEAR_FACE
        elif answer != ALONE and places[answer] != found[row].meant:
            found[row] = changed[row] = replace(found[row], meant=places[answer])
    unclear = len(withheld) - len(intake.withheld)
    if changed or unclear:
        reporter.say(
            f"  of {counted(len(several), 'picture')} with several faces {len(changed)} show the labelled person away from the"
            f" centre, and {unclear} are withheld as unclear"
        )
        remade = _remade(intake, photos, found, withheld, set(changed))
        kept = np.array([row for row, face in enumerate(faces.ids) if face not in withheld], np.int64)
        same = np.flatnonzero(~np.isin(kept, list(changed)))
        pool.carry(faces, remade.faces, kept[same], same)
        return remade
    return intake


def _candidates(one: Found) -> list[int]:
    """Return the faces of a picture that may be the labelled person."""
    sizes = np.prod(one.faces.boxes[:, 2:] - one.faces.boxes[:, :2], axis=1)
    return [n for n in range(len(sizes)) if n == one.meant or sizes[n] >= LEAST * sizes.max()]


def _shown(photos: Photos, faces: FaceSet, found: Mapping[int, Found], several: list[tuple[int, list[int]]]) -> FaceSet:
    """Return every candidate as a face of its own."""
    target = align.template(SIZE)
    ids: list[str] = []
    photo_ids, matrices, marks = [], [], []
    for row, places in several:
        for place in places:
            landmarks = found[row].faces.landmarks[place]
            try:
                matrix = align.similarity(landmarks, target)
            except ValueError:  # a face too flat to be cut out is nobody's
                matrix = np.zeros((2, 3))
            ids.append(f"{len(ids)}")
            photo_ids.append(faces.ids[row])
            matrices.append(matrix)
            marks.append(align.apply(matrix, landmarks))
    return FaceSet(tuple(ids), CropStack(photos, tuple(photo_ids), np.stack(matrices), {}), np.stack(marks))


def _remade(intake: Intake, photos: Photos, found: dict[int, Found], withheld: dict[str, str], changed: set[int]) -> Intake:
    """Cut the faces again; shards in which a face changed are others from then on."""
    faces, labels = intake.faces, intake.faces.subjects or ()
    kept = [row for row, face in enumerate(faces.ids) if face not in withheld]
    if not kept:
        raise NothingToDo(f"no face to work on: {UNCLEAR_FACE} in every picture; nothing was released")
    stack, marks = faces.images, np.array(faces.landmarks)
    assert isinstance(stack, CropStack), "faces are chosen before anything else is made of them"
    matrices, bystanders = stack.matrices.copy(), dict(stack.bystanders)
    for row in changed:
        matrices[row] = align.similarity(found[row].landmarks, align.template(SIZE))
        marks[row] = align.apply(matrices[row], found[row].landmarks)
        bystanders[row] = found[row].bystanders
    ids = tuple(faces.ids[row] for row in kept)
    beside = {n: bystanders[row] for n, row in enumerate(kept) if row in bystanders}
    again = CropStack(photos, ids, matrices[kept], beside, stack.store)
    remade = FaceSet(ids, again, marks[kept], tuple(labels[row] for row in kept))
    place = np.cumsum([0, *(face not in withheld for face in faces.ids)])
    shards = []
    for shard in intake.shards:
        rows = range(shard.start, shard.stop)
        meant = {row: found[row].meant for row in rows if row in changed}
        gone = [row - shard.start for row in rows if faces.ids[row] in withheld]
        told = {str(row - shard.start): which for row, which in meant.items()}
        key = DiskCache.key({"of": shard.key, "meant": told, "gone": gone}) if shard.key and (meant or gone) else shard.key
        shards.append(Shard(key, int(place[shard.start]), int(place[shard.stop])))
    left = {n: found[row] for n, row in enumerate(kept) if row in found}
    return replace(intake, faces=remade, withheld=withheld, shards=tuple(shards), found=left)
