"""What a released face is still good for, beside its original: landmarks, pose, structure; and who shares a group with whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FACE: NDArray[np.float64] = np.array(
    [(-31.5, -32.0, 30.0), (31.5, -32.0, 30.0), (0, 0, 0), (-24.0, 36.0, 24.0), (24.0, 36.0, 24.0)]
)
"""Millimetres of a mean adult face from the nose tip: right, down, back; eyes 63 mm apart (Farkas, Anthropometry, 1994)."""
SIGMA, WINDOW = 1.5, 11
"""Of the structural similarity's window, in pixels."""
LEVELS = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def landmark_error(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.float64]:
    """Return, for each face, the mean distance of five landmarks as a share of the distance of the eyes before.

    Source: the normalised mean error of Sagonas et al., 300 faces in-the-wild challenge, ICCV-W 2013, with the eyes' centres.

    Args:
        before, after: `(N, 5, 2)` pixels, eyes first.
    """
    one, other = np.asarray(before, np.float64), np.asarray(after, np.float64)
    eyes = np.linalg.norm(one[:, 0] - one[:, 1], axis=1)
    return np.asarray(np.linalg.norm(one - other, axis=2).mean(axis=1) / np.maximum(eyes, 1e-9))


def pose(landmarks: NDArray[Any]) -> NDArray[np.float64]:
    """Return `(N, 2)` degrees of yaw and of pitch that five landmarks show, by a weak-perspective fit of a mean face.

    Five points say little: a nose that is longer than the mean looks like a head that is turned. Differences of one face are
    told better than angles.

    Args:
        landmarks: `(N, 5, 2)` pixels.
    """
    model = FACE - FACE.mean(axis=0)
    inverse = np.linalg.pinv(model)
    out = np.empty((len(landmarks), 2))
    for row, marks in enumerate(np.asarray(landmarks, np.float64)):
        affine = (inverse @ (marks - marks.mean(axis=0))).T  # two rows: the image's axes in the face's, scaled
        right, down = affine / np.maximum(np.linalg.norm(affine, axis=1, keepdims=True), 1e-9)
        u, _, vt = np.linalg.svd(np.stack([right, down, np.cross(right, down)]))
        ahead = (u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt)[2]  # the camera's axis, in the face's frame
        out[row] = np.degrees(np.arctan2(ahead[0], ahead[2])), np.degrees(np.arctan2(ahead[1], ahead[2]))
    return out


def structural_similarity(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the mean SSIM of two pictures in luminance, 1 for equal ones.

    Source: Wang et al., Image quality assessment: from error visibility to structural similarity, IEEE TIP 13(4), 2004, with
    their window and constants.

    Args:
        a, b: `(H, W, 3)` uint8 RGB, at least 11 pixels each way.
    """
    import cv2

    grey = np.array([0.299, 0.587, 0.114])
    x, y = np.asarray(a, np.float64) @ grey, np.asarray(b, np.float64) @ grey

    def mean(one: NDArray[np.float64]) -> NDArray[np.float64]:
        edge = WINDOW // 2
        return np.asarray(cv2.GaussianBlur(one, (WINDOW, WINDOW), SIGMA)[edge:-edge, edge:-edge], np.float64)

    mx, my = mean(x), mean(y)
    vx, vy, both = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    small, large = LEVELS
    return float(((2 * mx * my + small) * (2 * both + large) / ((mx**2 + my**2 + small) * (vx + vy + large))).mean())


def peak_signal_to_noise(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float | None:
    """Return the PSNR of two pictures in decibels, None for equal ones, where it has no bound."""
    error = float(np.square(np.asarray(a, np.float64) - b).mean())
    return float(10 * np.log10(255**2 / error)) if error > 0 else None


@dataclass(frozen=True)
class Inside:
    """What groups give away of an attribute to whoever knows that a person is in one.

    Args:
        homogeneous: share of groups whose people all have one value.
        diversity: fewest different values in a group (l-diversity; Machanavajjhala et al., ACM TKDD 1(1), 2007).
        closeness: greatest distance of a group's distribution from that of all, half the sum of differences (t-closeness; Li et
            al., ICDE 2007).
    """

    homogeneous: float
    diversity: int
    closeness: float


def inside_groups(values: Mapping[str, str], groups: Mapping[str, int]) -> Inside | None:
    """Look at an attribute inside groups.

    Args:
        values: person -> value, for those whose value is known.
        groups: person -> group, -1 for none.

    Returns:
        None where nobody with a value is in a group.
    """
    members: dict[int, list[str]] = {}
    for person, group in groups.items():
        if group >= 0 and person in values:
            members.setdefault(group, []).append(values[person])
    every = Counter(value for said in members.values() for value in said)
    total = sum(every.values())
    if not total:
        return None
    apart = []
    for said in members.values():
        counts = Counter(said)
        apart.append(sum(abs(counts[value] / len(said) - count / total) for value, count in every.items()) / 2)
    different = [len(set(said)) for said in members.values()]
    return Inside(sum(n == 1 for n in different) / len(different), min(different), max(apart))


def classes_of(values: Mapping[str, str], people: Sequence[str], least: int) -> dict[str, list[int]]:
    """Return class -> rows of the people who have it; classes of too few people are joined as "others", or left out.

    Args:
        values: person -> value.
        people: in the order of their rows.
        least: people of a class that is told.
    """
    rows: dict[str, list[int]] = {}
    for row, person in enumerate(people):
        if person in values:
            rows.setdefault(values[person], []).append(row)
    told = {value: found for value, found in sorted(rows.items()) if len(found) >= least}
    rest = sorted(row for value, found in rows.items() if value not in told for row in found)
    if len(rest) >= least:
        told["others"] = rest
    return told
