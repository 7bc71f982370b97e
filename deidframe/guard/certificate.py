"""The certificate: what was checked on the written files, with counts, what holds, and what does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from deidframe.contract.errors import ReleaseRefused
from deidframe.guard.accounting import Account
from deidframe.guard.carry import Carried
from deidframe.guard.release import Release

REAL_FACES = "real faces"
"""How the sentence begins which says that real people are shown."""


@dataclass(frozen=True)
class Check:
    """One thing that was counted. `held` is None where it does not apply."""

    name: str
    held: bool | None
    words: str


@dataclass(frozen=True)
class Certificate:
    """What can be said of one release.

    Args:
        method: its name.
        k_asked: None for methods that promise no k.
        k_counted: the fewest distinct people who share one released picture, counted on the files.
        people, groups, pictures: in the release.
        distinct_pictures: by file content.
        checks: what was counted.
        holds, holds_not: sentences.
    """

    method: str
    k_asked: int | None
    k_counted: int
    people: int
    groups: int | None
    pictures: int
    distinct_pictures: int
    checks: tuple[Check, ...]
    holds: tuple[str, ...]
    holds_not: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    def with_carried(self, carried: Sequence[Carried]) -> Certificate:
        """Return it with what is said of columns that are released beside the pictures."""
        said = "carried columns: whoever knows that a person is in the database and in which group knows the released value"
        checks = (*self.checks, *(Check("carried column", True, one.words) for one in carried))
        return replace(self, checks=checks, holds_not=(*self.holds_not, said))


@dataclass(frozen=True)
class Audited:
    """What a detector and an encoder that had no part in a method saw of its pictures.

    Args:
        detector, encoder: their names, no encoder for "".
        looked: pictures that they looked at and that are released.
        bound: the distance within which light copies lie from their originals, None without an encoder.
    """

    detector: str
    encoder: str
    looked: int
    bound: float | None


@dataclass(frozen=True)
class Disguised:
    """Released pictures that were held against originals in every guise that is looked for.

    Args:
        faces: ids of those that were looked at and not withheld; a later gate may hold some back.
        originals: that each was compared with, besides those of the people who share it.
        of: originals of the run.
        showing: ids of those in which one was seen, by the method's design.
    """

    faces: frozenset[str]
    originals: int
    of: int
    showing: frozenset[str] = frozenset()

    def among(self, released: Collection[str]) -> Disguised:
        """Return what was seen of those that are released."""
        return replace(self, faces=self.faces & set(released), showing=self.showing & set(released))

    @property
    def looked(self) -> int:
        """How many were looked at."""
        return len(self.faces)

    @property
    def shown(self) -> int:
        """How many show an original."""
        return len(self.showing)

    @property
    def words(self) -> str:
        """What the certificate says."""
        with_whom = f"all {self.of}" if self.originals == self.of else f"those behind it and {self.originals} of {self.of}"
        if self.shown:
            return f"{self.shown} of {self.looked} released pictures show one real person, as the method means to"
        return (
            f"none of {self.looked} released pictures shows an original turned, mirrored, inverted, in one channel, in some of"
            f" its bits or in pieces; compared with {with_whom} originals"
        )


@dataclass(frozen=True)
class Evidence:
    """What the gates counted before the certificate is written.

    Args:
        faced: released pictures whose original has a face that the detector found.
        compared: released pictures that were held against their originals.
        bare: written files that were read and hold nothing but a picture.
        audited: what a second detector saw, None where the recipe asks for none.
        disguised: what was seen of originals in other guises, None where the method promises nothing.
    """

    faced: int
    compared: int
    bare: int
    audited: Audited | None = None
    disguised: Disguised | None = None


def certify(release: Release, accounted: Account, evidence: Evidence) -> Certificate:
    """Count on the written files what the release promises.

    Args:
        release: with its files.
        accounted: the closed account.
        evidence: what the gates counted.

    Raises:
        ReleaseRefused: k was promised, and one picture is shared by fewer than k people, or a group shows several pictures; or
            a gate looked at fewer pictures than are released.
    """
    method, groups = release.method, release.groups
    promise_of = release.promise
    shows = promise_of.shows if evidence.disguised and evidence.disguised.shown else ""
    k, promise, found_by = promise_of.k, promise_of.words, promise_of.found_by
    person_of, digest_of = release.person_of, release.digests
    audited = evidence.audited
    gates = [("found a face in", evidence.faced), ("compared", evidence.compared), ("read back", evidence.bare)]
    gates += [("audited", audited.looked)] if audited else []
    gates += [("looked for originals in", evidence.disguised.looked)] if evidence.disguised else []
    for what, seen in gates:
        if seen != len(digest_of):
            raise ReleaseRefused(f"{method}: the gates {what} {seen} of {len(digest_of)} released pictures; nothing is released")
    people_of_picture: dict[str, set[str]] = {}
    for face, digest in digest_of.items():
        people_of_picture.setdefault(digest, set()).add(person_of[face])
    counted = min((len(people) for people in people_of_picture.values()), default=0)
    people = len({person_of[face] for face in digest_of})
    checks = [
        Check("accounting", True, _closed(accounted)),
        Check("no face, no release", True, f"a face was found in the original of each of {evidence.faced} released pictures"),
        Check("nothing handed back", True, f"none of {evidence.compared} released pictures is its original")
        if not shows
        else Check("nothing handed back", None, f"by design of {shows} a released picture may be an original"),
        Check("bare files", True, f"{evidence.bare} files read back hold a picture and nothing else, with one time for all"),
    ]
    if evidence.disguised:
        held = None if evidence.disguised.shown else True
        checks.append(Check("no original in another guise", held, evidence.disguised.words))
    if audited:
        words = f"{audited.detector} saw no second face in any of {audited.looked} released pictures"
        checks.append(Check("no other face", True, words))
        if audited.bound is not None:
            words = (
                f"none of {audited.looked} lies within {audited.bound:.2f} of an original, where copies lie ({audited.encoder})"
            )
            checks.append(Check("no copy", True, words))
    if k is None or groups is None:
        checks.append(Check("k-anonymity", None, "this method makes no such promise"))
        return Certificate(
            method,
            None,
            counted,
            people,
            None,
            len(digest_of),
            len(people_of_picture),
            tuple(checks),
            ("each released picture differs from its original", *([promise] if promise else [])),
            (
                *((shown_people(shows),) if shows else ()),
                "k-anonymity: each face keeps something of its own person, and only the attacks below say how much",
            ),
        )
    pictures_of_group: dict[int, set[str]] = {}
    for face, group in groups.items():
        pictures_of_group.setdefault(group, set()).add(digest_of[face])
    several = [group for group, digests in pictures_of_group.items() if len(digests) > 1]
    if several:
        raise ReleaseRefused(
            f"{method}: {len(several)} of {len(pictures_of_group)} groups show more than one picture, so what is shared inside a"
            " group can differ with the member; nothing is released"
        )
    if counted < k:
        raise ReleaseRefused(
            f"{method}: a released picture is shared by {counted} people, k = {k} was asked; nothing is released"
        )
    vouched = release.promise.vouched
    checks += [
        Check("who is who", True if vouched.encoder else None, vouched.words),
        Check(
            "at least k people", True, f"every one of {len(pictures_of_group)} groups holds at least {counted} people (k = {k})"
        ),
        Check("one group a person", True, f"all pictures of each of {people} people are in one group"),
        Check(
            "one picture a group", True, f"all files of a group are equal byte for byte: {len(people_of_picture)} different files"
        ),
    ]
    own, files, of = largest_share(groups, person_of)
    even = own * of <= files
    return Certificate(
        method,
        k,
        counted,
        people,
        len(pictures_of_group),
        len(digest_of),
        len(people_of_picture),
        tuple(checks),
        (
            f"this release is k-anonymous with k = {counted} with respect to this release alone and the people"
            f" {f'found in it by {found_by}' if found_by else 'labelled in it'}",
            f"whoever matches released pictures, with any recogniser, names the right person for at most 1 of {counted} people:"
            " counted by person, from this release alone, knowing nobody else of the group",
            *(("in every group each person has as many pictures, so the same holds counted by picture",) if even else ()),
        ),
        (
            *((shown_people(shows),) if shows else ()),
            "an attacker who has pictures of the other members of a group: they are ruled out, and subtracted from a surrogate"
            + (f"; {promise}" if promise else ""),
            *(
                (
                    f"counted by picture: one person has {own} of the {files} files of a group of {of}: that name is right for"
                    f" {own / files:.2f} of them, where 1/{of} is {1 / of:.2f}",
                )
                if not even
                else ()
            ),
            "membership: that a person is in the database may be seen",
            "one-to-one verification: a surrogate can match members of its group, and says which group",
            "attributes shared by a whole group, such as sex or age, stay visible",
            "other releases of the same people: they can be intersected with this one"
            + (f"; counted {promise_of.together}" if promise_of.together else "")
            + (f"; {promise_of.part}" if promise_of.part else ""),
            *(
                ("pairs of labels that look like one person are counted as two people, as the owner says",)
                if vouched.apart
                else ()
            ),
            *(
                ("a person who was taken for two counts twice: people were found by a clusterer, not labelled",)
                if found_by
                else ()
            ),
        ),
    )


def shown_people(by: str) -> str:
    """Say that real people are shown by design."""
    return f"{REAL_FACES}: by design of {by} released pictures show single real people of the database, whom others know"


def largest_share(groups: Mapping[str, int], person_of: Mapping[str, str]) -> tuple[int, int, int]:
    """Return the largest share that one person has of a group, over 1/people: its files, the files of the group and its people.

    Args:
        groups: face -> group.
        person_of: face -> person.
    """
    count = Counter((group, person_of[face]) for face, group in groups.items())
    files = Counter(groups.values())
    people = Counter(group for group, _ in count)
    worst = max(count, key=lambda key: count[key] * people[key[0]] / files[key[0]])
    return count[worst], files[worst[0]], people[worst[0]]


def _closed(a: Account) -> str:
    return f"{a.total} pictures came in = {a.released} released + {a.withheld} withheld + {a.failed} failed"
