"""The gates that every release passes, and the account that has to close."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from deidframe.contract.artifacts import FaceSet
from deidframe.guard.accounting import Account, account
from deidframe.guard.certificate import Audited, Certificate, Disguised, Evidence, certify
from deidframe.guard.hygiene import check_bare
from deidframe.guard.release import Release

UNPROTECTED = "unprotected, measured only"
"""Why the faces of a baseline are withheld."""


def pass_gates(
    release: Release,
    faces: FaceSet,
    left_out: Mapping[str, str],
    compared: Collection[str],
    audited: Audited | None,
    disguised: Disguised | None,
    *,
    protects: bool,
) -> tuple[Account, Certificate | None]:
    """Pass every gate on the written files; an untouched baseline has no certificate, for it is never released.

    Args:
        release: with its files.
        faces: all faces of the run.
        left_out: photo id -> why it has none.
        compared: ids of the faces whose written picture was held against its original.
        audited: what a second detector saw.
        disguised: what was seen of originals in other guises.
        protects: whether the method protects anybody.
    """
    every = [*faces.ids, *left_out]
    withheld = {**left_out, **release.withheld}
    if not protects:
        return account(every, [], {**withheld, **dict.fromkeys(release.faces.ids, UNPROTECTED)}, {}, release.method), None
    closed = account(every, release.faces.ids, withheld, {}, release.method)
    bare = check_bare(release.paths, release.method)
    known = set(faces.ids)
    held, compared = release.digests, set(compared)
    evidence = Evidence(
        sum(face in known for face in held),
        sum(face in compared for face in held),
        bare,
        audited,
        disguised and disguised.among(held),
    )
    return closed, certify(release, closed, evidence)
