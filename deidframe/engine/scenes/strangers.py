"""Is a redactor's picture of somebody really blind: the same in every picture of a person, and whatever is in the pixels?"""

from __future__ import annotations

import hashlib

import numpy as np

from deidframe.contract import align
from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import ReleaseRefused
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.guard.hygiene import encode_jpeg
from deidframe.guard.release import Release

BATCH = 64


def check_strangers(pool: ComponentPool, step: Step, release: Release) -> int:
    """Let a redactor, made afresh, work on noise in the place of every face, and return for how many the very files came out.

    Args:
        step: a redactor that is `per_subject`.
        release: its faces, on their files.

    Raises:
        ReleaseRefused: a person has two pictures, or what is shown depends on pixels or landmarks.
    """
    shown: dict[str, str] = {}
    for face, person in release.person_of.items():
        if shown.setdefault(person, release.digests[face]) != release.digests[face]:
            reason = "one person has two pictures, so they do not follow from who it is alone"
            raise ReleaseRefused(f"{release.method}: {reason}")
    pool.forget(step)  # what it has kept of those whom it saw helps it no more
    rng = np.random.default_rng(20261128)
    height, width = release.originals.size
    for start in range(0, len(release), BATCH):
        real = release.originals.take(range(start, min(start + BATCH, len(release))))
        noise = rng.integers(0, 256, (len(real), height, width, 3), np.uint8)
        marks = np.repeat(align.template(height)[None], len(real), axis=0)
        pictures = np.asarray(pool.call(step, FaceSet(real.ids, noise, marks, real.subjects)).images[:])
        for face, picture in zip(real.ids, pictures, strict=True):
            if hashlib.sha256(encode_jpeg(picture)).hexdigest() != release.digests[face]:
                raise ReleaseRefused(
                    f"{release.method}: what it shows for somebody depends on pixels of theirs; nothing is released"
                )
    pool.forget(step)
    return len(release)
