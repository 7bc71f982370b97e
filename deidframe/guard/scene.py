"""What may be said of photos whose faces were covered: what was checked on the released files, and what nobody may claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from deidframe.contract.errors import ReleaseRefused
from deidframe.guard.certificate import Check
from deidframe.guard.statement import NO_PROMISE, Reached, Statement, tried
from deidframe.words import counted

BLIND = (
    "in every picture each face that was seen had its region erased before anything was drawn; what is there now follows from"
    " pixels outside the region"
)
DRAWN = (
    "in every picture each face that was seen had its region erased before anything was drawn; what is there now follows from the"
    " surrogate of a group of at least {k} people, from 6 numbers of pose, 9 of light and 5 of an oval, and from pixels outside"
    " the region; where no surrogate could be drawn, from pixels outside the region alone"
)
STRANGERS = (
    "in every picture each face that was seen had its region erased before anything was drawn; what is there now follows from the"
    " face of somebody else, chosen by a secret for each person, from 6 numbers of pose, 9 of light and 5 of an oval, and from"
    " pixels outside the region; where no face could be drawn, from pixels outside the region alone"
)
ONE_STRANGER = (
    "that people are hidden among others: each has one stranger's face in all files, so whoever knows somebody in one file knows"
    " them in all"
)
FEW_SHOWN = (
    "that each surrogate is seen on {k} people: one is drawn over {n} alone, because it could not be drawn over others of its"
    " group, or their files are not released"
)
COVERED = "in every picture the region of each face that was seen was changed by {cover}; nothing is promised of what that leaves"
NOT_PROMISED = (
    "k-anonymity: a scene is never k-anonymous; hair, ears, neck, clothes, company and place stay, and people are known by them",
    "faces that no detector saw",
    "who took the picture and where: what is seen in it and what the file is called stay",
)


@dataclass(frozen=True)
class SurrogateCount:
    """Who stands behind the surrogates that are drawn.

    Args:
        method: that made them.
        scope: how much of a head is erased, in words.
        k_asked, k_counted: people behind each.
        people, groups: behind all.
        k_drawn: the fewest people over whom one of the surrogates is drawn in the released files.
        said: what its own certificate says was checked.
    """

    method: str
    scope: str
    k_asked: int
    k_counted: int
    people: int
    groups: int
    k_drawn: int
    said: tuple[Check, ...]


@dataclass(frozen=True)
class StrangerCount:
    """Whose faces are drawn where nobody is grouped.

    Args:
        method: that chose them.
        scope: how much of a head is erased, in words.
        people: who have one.
        checked: faces in the place of which noise was put, and the same stranger came.
        faces: of those people.
    """

    method: str
    scope: str
    people: int
    checked: int
    faces: int


@dataclass(frozen=True)
class SceneCount:
    """What was counted while photos were covered and their released files read back.

    Args:
        came, released: photos.
        withheld: reason -> photos.
        sighted, covered, exempt: faces in released photos; sighted = covered + exempt.
        repaired: faces among them that were seen only in the released picture, and covered then.
        faceless: released photos in which no face was seen.
        looked_again: released files that the detectors looked at once more.
        blind: the cover never reads what it covers.
        checked: covered faces of which it was checked that the cover did its work: of a blind one by overwriting regions
            with noise and drawing them again, of another by the inner part, which is not what it was.
        bare: released files that hold a picture and nothing else.
        left: released photos in which people are left as they are.
        drawn: covered faces over which the surrogate of a group is drawn.
        found_again: drawn faces that a detector sees in the released file.
    """

    came: int
    released: int
    withheld: dict[str, int] = field(default_factory=dict)
    sighted: int = 0
    covered: int = 0
    exempt: int = 0
    repaired: int = 0
    faceless: int = 0
    looked_again: int = 0
    blind: bool = False
    checked: int = 0
    bare: int = 0
    left: int = 0
    drawn: int = 0
    found_again: int = 0


@dataclass(frozen=True)
class SceneCertificate:
    """What can be said of a folder of covered photos.

    Args:
        kind: `"blind scenes"` or `"covered scenes"`.
        cover, detectors: names.
        count: what was counted.
        checks: each with its words.
        holds, holds_not: sentences.
        reasons: why people were left as they are, as the owner gave it.
        surrogates: who stands behind what is drawn, None where nothing is.
        films: what was counted of videos, where photos are released beside them.
    """

    kind: str
    cover: str
    detectors: tuple[str, ...]
    count: SceneCount | FilmCount
    checks: tuple[Check, ...]
    holds: tuple[str, ...]
    holds_not: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    surrogates: SurrogateCount | StrangerCount | None = None
    films: SceneCount | FilmCount | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data; `pictures` is the number of files, as in other certificates."""
        return {**asdict(self), "pictures": self.count.released + (self.films.released if self.films else 0)}


def certify_scenes(
    count: SceneCount,
    cover: str,
    detectors: tuple[str, ...],
    reasons: tuple[str, ...],
    surrogates: SurrogateCount | StrangerCount | None = None,
) -> SceneCertificate:
    """Return the certificate; level 2 (blind) where the cover never reads a face, else level 3 (covered).

    Raises:
        ReleaseRefused: the counts do not add up, a gate saw fewer faces or files than are released, or faces are drawn and nobody
        counted who stands behind them.
    """
    _behind(count.drawn, count.blind, surrogates)
    _equal("photos that came in", count.came, count.released + sum(count.withheld.values()))
    _equal("faces seen", count.sighted, count.covered + count.exempt)
    _equal("covered faces", count.covered, count.checked)
    _equal("released files read back", count.released, count.bare)
    _equal("covered photos looked at again", count.released - count.left, count.looked_again)
    withheld = sum(count.withheld.values())
    checks = [
        Check("photos", True, f"{count.came} photos came in = {count.released} released + {withheld} withheld"),
        Check("faces", True, f"{count.sighted} faces were seen = {count.covered} covered + {count.exempt} left as they are"),
        Check(
            "second look",
            True,
            f"{' and '.join(detectors)} looked at {counted(count.looked_again, 'released file')} again and saw no face outside"
            f" the regions; {counted(count.repaired, 'face')} seen only then were covered as well",
        ),
        Check("bare files", True, f"{counted(count.bare, 'file')} read back hold a picture and nothing else"),
    ]
    if count.blind:
        words = f"{counted(count.checked, 'region')} overwritten by noise and drawn again gave equal pixels"
        checks.append(Check("blind", True, words))
    else:
        words = f"the inner part of each of {count.checked} covered faces differs from what it was"
        checks.append(Check("no face handed back", True, words))
    checks += _drawn(count.drawn, "face", surrogates)
    said = _said(count.blind, cover, surrogates)
    exempt = (f"{counted(count.exempt, 'face')} left as they are, for the reasons given",) if count.exempt else ()
    kind = "blind scenes" if count.blind else "covered scenes"
    return SceneCertificate(
        kind, cover, detectors, count, tuple(checks), (said,), (*exempt, *_not(surrogates)), reasons, surrogates
    )


def _not(surrogates: SurrogateCount | StrangerCount | None) -> tuple[str, ...]:
    if isinstance(surrogates, StrangerCount):
        return (ONE_STRANGER, *NOT_PROMISED)
    if surrogates is not None and surrogates.k_drawn < surrogates.k_asked:
        return (FEW_SHOWN.format(n=counted(surrogates.k_drawn, "person"), k=surrogates.k_asked), *NOT_PROMISED)
    return NOT_PROMISED


def _behind(drawn: int, blind: bool, surrogates: SurrogateCount | StrangerCount | None) -> None:
    """Refuse drawn faces behind which stand too few people, or of whom nobody counted how many."""
    if drawn and surrogates is None:
        raise ReleaseRefused(f"{counted(drawn, 'face')} drawn, and nobody counted who stands behind them; nothing is released")
    if drawn and not blind:
        raise ReleaseRefused("surrogates are drawn by something that reads the faces beneath; nothing is released")
    if isinstance(surrogates, StrangerCount):
        _equal("faces over which noise was laid", surrogates.faces, surrogates.checked)
    elif surrogates is not None and surrogates.k_counted < max(2, surrogates.k_asked):
        raise ReleaseRefused(
            f"{surrogates.k_counted} people stand behind a surrogate, k = {surrogates.k_asked} was asked; nothing is released"
        )


def _drawn(drawn: int, what: str, surrogates: SurrogateCount | StrangerCount | None) -> list[Check]:
    if surrogates is None:
        return []
    if isinstance(surrogates, StrangerCount):
        words = (
            f"{counted(drawn, what)} drawn over with the stranger of one of {surrogates.people} people; noise in the place of"
            f" {surrogates.checked} faces gave the same strangers; {surrogates.scope} of each is erased"
        )
        return [Check("strangers", True, words)]
    s = surrogates
    words = (
        f"{counted(drawn, what)} drawn over with the surrogate of its group: {s.people} people in {s.groups} groups of at least"
        f" {s.k_counted}, each drawn over at least {s.k_drawn} of them in these files; {s.scope} of each is erased"
    )
    return [Check("surrogates", True, words), *(Check(f"surrogates: {one.name}", one.held, one.words) for one in s.said)]


def _said(blind: bool, cover: str, surrogates: SurrogateCount | StrangerCount | None) -> str:
    if isinstance(surrogates, StrangerCount):
        return STRANGERS
    if surrogates is not None:
        return DRAWN.format(k=surrogates.k_counted)
    return BLIND if blind else COVERED.format(cover=cover)


@dataclass(frozen=True)
class FilmCount:
    """What was counted of all videos of a folder.

    Args:
        came, released: videos.
        withheld: reason -> videos.
        frames: in released videos, each with the time that it had.
        seen, filled, extended: face-frames that were covered: where a detector saw the face, between, and beyond.
        repaired: face-frames that were seen only in the released file, and covered then.
        damaged: frames that were covered whole.
        faceless: frames without a face.
        blind: the cover never reads what it covers.
        checked: frames of which it was checked that the cover did its work: of a blind cover some of each segment, else all.
        looked_again: frames of released files that the detectors looked at once more.
        sound: streams of sound that were kept.
        left_out: what of files is not in the release.
        drawn: face-frames over which the surrogate of a group is drawn.
        left, left_frames: videos in which people are left as they are, and their frames.
        roi: why faces were not looked for everywhere, "" where they were.
    """

    came: int
    released: int
    withheld: dict[str, int]
    frames: int = 0
    seen: int = 0
    filled: int = 0
    extended: int = 0
    repaired: int = 0
    damaged: int = 0
    faceless: int = 0
    blind: bool = False
    checked: int = 0
    looked_again: int = 0
    sound: int = 0
    left_out: tuple[str, ...] = ()
    drawn: int = 0
    left: int = 0
    left_frames: int = 0
    roi: str = ""


def certify_films(
    count: FilmCount,
    cover: str,
    detectors: tuple[str, ...],
    surrogates: SurrogateCount | StrangerCount | None = None,
    reasons: tuple[str, ...] = (),
) -> SceneCertificate:
    """Return the certificate of a folder of videos.

    Raises:
        ReleaseRefused: the counts do not add up, a gate saw fewer frames than are released, or faces are drawn and nobody counted
        who stands behind them.
    """
    _behind(count.drawn, count.blind, surrogates)
    _equal("videos that came in", count.came, count.released + sum(count.withheld.values()))
    _equal("frames looked at again", count.frames - count.left_frames, count.looked_again)
    if count.seen and not count.checked:
        raise ReleaseRefused("of no covered frame it was checked that the cover did its work; nothing is released")
    withheld = sum(count.withheld.values())
    looked = f"{counted(count.looked_again, 'released frame')}" if count.left else "every released frame"
    checks = [
        Check("videos", True, f"{count.came} videos came in = {count.released} released + {withheld} withheld"),
        Check("frames", True, f"{counted(count.frames, 'frame')} went out, as many as came in, each with the time that it had"),
        Check(
            "faces",
            True,
            f"{count.seen + count.filled + count.extended} faces in frames were covered: {count.seen} that a detector saw,"
            f" {count.filled} between sightings, {count.extended} before or after them",
        ),
        Check(
            "second look",
            True,
            f"{' and '.join(detectors)} looked at {looked} again and saw no face outside the regions;"
            f" {counted(count.repaired, 'face')} seen only then were covered as well",
        ),
        Check("bare files", True, "files hold pictures and sound, and no word, chapter, subtitle, place or time of making"),
    ]
    if count.blind:
        words = f"{counted(count.checked, 'frame')} overwritten by noise and drawn again gave equal pixels"
        checks.append(Check("blind", True, words))
    else:
        words = f"in each of {counted(count.checked, 'covered frame')} the inner part of every face differs from what it was"
        checks.append(Check("no face handed back", True, words))
    if count.damaged:
        checks.append(Check("damaged", True, f"{counted(count.damaged, 'damaged frame')} covered whole"))
    checks += _drawn(count.drawn, "face-frame", surrogates)
    said = _said(count.blind, cover, surrogates)
    left = (f"{counted(count.left, 'video')} left as they are, for the reasons given",) if count.left else ()
    if count.roi:
        left = (*left, f"faces in parts of videos in which nobody looked for them: {count.roi}")
    voices = (
        (f"voices: {counted(count.sound, 'stream')} of sound kept, and people are known by their voice",) if count.sound else ()
    )
    gone = tuple(f"not in the release: {one}" for one in count.left_out)
    kind = "blind scenes" if count.blind else "covered scenes"
    return SceneCertificate(
        kind,
        cover,
        detectors,
        count,
        tuple(checks),
        (said.replace("picture", "frame"),),
        (*left, *voices, *gone, *_not(surrogates)),
        reasons,
        surrogates,
    )


def both(photos: SceneCertificate | None, films: SceneCertificate | None) -> SceneCertificate:
    """Return one certificate of a release of photos and videos: of each what was counted, of both what holds.

    Raises:
        ReleaseRefused: they are of two covers, or there is neither.
    """
    if photos is None or films is None:
        only = photos or films
        if only is None:
            raise ReleaseRefused("neither photos nor videos were counted; nothing is released")
        return only
    if (photos.kind, photos.cover, photos.surrogates) != (films.kind, films.cover, films.surrogates):
        raise ReleaseRefused("photos and videos of one release are covered in two ways; nothing is released")
    known = {check.name for check in photos.checks}
    parted = [Check(f"{one.name} in videos", one.held, one.words) for one in films.checks if one.name in known]
    shared = {check.words for check in photos.checks}
    checks = [*photos.checks, *(one for one in parted if one.words not in shared)]
    checks += [one for one in films.checks if one.name not in known]
    holds_not = tuple(dict.fromkeys((*photos.holds_not, *films.holds_not)))
    holds = (photos.holds[0].replace("in every picture", "in every picture and every frame"),)
    reasons = tuple(dict.fromkeys((*photos.reasons, *films.reasons)))
    return replace(photos, checks=tuple(checks), holds=holds, holds_not=holds_not, reasons=reasons, films=films.count)


def _equal(what: str, wanted: int, found: int) -> None:
    """Refuse where a gate saw another number than there has to be."""
    if wanted != found:
        raise ReleaseRefused(f"{what}: {wanted} were expected and {found} counted; nothing is released")


def scene_statement(
    certificate: SceneCertificate,
    attacks: Sequence[Reached] = (),
    licences: Sequence[str] = (),
    unfinished: Sequence[str] = (),
) -> Statement:
    """Return what a folder of covered scenes says of itself.

    Args:
        certificate: of its files.
        attacks: those that were tried so far.
        licences: of the weights behind what is drawn.
        unfinished: attacks that ended without a result.
    """
    attack = "No attack on these pictures has been tried: people may be recognised by what is left."
    if attacks or unfinished:
        attack = f"{tried(attacks, unfinished)} People may be recognised by what is left around a face."
    if not certificate.count.blind:
        return Statement(False, NO_PROMISE, attack, tuple(licences))
    sharing = f"It may be shared for what it states and for nothing else: {certificate.holds[0]}."
    return Statement(True, sharing, attack, tuple(licences))
