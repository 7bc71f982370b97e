"""The row of one attack: made, counted, and told beside chance, bound and what exchanged people reach."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deidframe.contract.artifacts import FaceSet
from deidframe.contract.errors import DeidframeError, NothingToDo
from deidframe.engine.cache.measured import Measured
from deidframe.engine.components.boundary import one_line
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.evaluate.attack import Target, run_attack, too_often
from deidframe.engine.evaluate.attribute import AttributeResult, run_attribute
from deidframe.engine.evaluate.labels import Labels
from deidframe.engine.evaluate.membership import MembershipResult, run_membership
from deidframe.engine.evaluate.who_pays import by_class
from deidframe.engine.planning.plan import AttackPlan
from deidframe.measure.linkage import curves_data, proportion_interval
from deidframe.recipe.model import UNBOUND
from deidframe.recipe.parse import slug
from deidframe.recipe.public import without_places
from deidframe.record.schema import Cell
from deidframe.record.write import write_bytes, write_json

Judging = Callable[[ComponentPool, AttackPlan, Target], MembershipResult | AttributeResult]
JUDGED: Mapping[str, Judging] = {"membership": run_membership, "attribute": run_attribute}
"""Threats whose attacker judges people, and matches no pictures."""
OF_ATTACK = ("gallery", "candidates", "probes", "missed", "metrics", "by", "stages")
"""What an attack adds to its method's row."""


@dataclass(frozen=True)
class Bench:
    """What all attacks of a run share.

    Args:
        pool: of the run.
        folder: the run folder.
        seed: of the recipe.
        labels: attributes of people, by which an attack's success is told, too.
        thresholds: matcher -> FAR -> the score that so many of untouched faces' impostors lie above.
        measured: what this run has measured before it was cut short, None where that is not known.
    """

    pool: ComponentPool
    folder: Path
    seed: int
    thresholds: dict[tuple[str, str], dict[float, float]] = field(default_factory=dict)
    labels: Mapping[str, Labels] = field(default_factory=dict)
    measured: Measured | None = None


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """Give a function that says how many seconds have passed, and stops counting at the end of the block."""
    start, stop = time.perf_counter(), [0.0]
    yield lambda: stop[0] or time.perf_counter() - start
    stop[0] = time.perf_counter() - start


def attack_cell(bench: Bench, base: Cell, attack: AttackPlan, target: Target, shown: str = "") -> Cell:
    """Return the row of one method, or of untouched faces, under one attack; what was measured before a cut is taken from there.

    Args:
        bench: what all attacks of a run share.
        base: the method's own row.
        attack: the attack.
        target: what is attacked.
        shown: a digest of all that it shows, "" where none says that.
    """
    if bench.measured is None or not shown:
        return _attack(bench, base, attack, target)[0]
    known = bench.thresholds.get(_matcher(attack), {}) if target.method is not None else {}
    what = {
        "row": [base.slug, attack.name],
        "shown": shown,
        "base": [base.k, base.k_counted, base.people, base.groups],
        "thresholds": _exactly(known),
    }
    kept = bench.measured.get(what)
    if kept is not None:
        if kept.beside:
            write_bytes(_scores_at(bench, base, attack), kept.beside, private=True)
        if kept.data["curve"] is not None:
            write_json(_curve_at(bench, base, attack), kept.data["curve"])
        if target.method is None:
            held = kept.data["thresholds"]
            bench.thresholds[_matcher(attack)] = {float.fromhex(far): float.fromhex(score) for far, score in held.items()}
        return replace(_unmeasured(bench, base, attack, target), **kept.data["cell"])
    cell, curve, scores = _attack(bench, base, attack, target)
    if cell.status == "ok" and not cell.reason:
        data = {
            "cell": {name: getattr(cell, name) for name in OF_ATTACK},
            "curve": curve,
            "thresholds": _exactly(bench.thresholds.get(_matcher(attack), {})),
        }
        bench.measured.put(what, data, scores)
    return cell


def _exactly(thresholds: Mapping[float, float]) -> dict[str, str]:
    """Return them as text from which each bit comes back; one may be infinite, which JSON has no word for."""
    return {float(far).hex(): float(score).hex() for far, score in thresholds.items()}


def _unmeasured(bench: Bench, base: Cell, attack: AttackPlan, target: Target) -> Cell:
    """Return an attack's row before anything is known of it."""
    spec, method = attack.spec, target.method
    return replace(
        base,
        attack=attack.name,
        own_encoder=method is not None and attack.sees in method.sees,
        threat=spec.threat,
        gallery=spec.gallery,
        encoder=attack.sees,
        seed=bench.seed,
        protocol=attack.protocol,
        certificate=None,
        by={},
        stages={},
    )


def _attack(bench: Bench, base: Cell, attack: AttackPlan, target: Target) -> tuple[Cell, dict[str, Any] | None, bytes]:
    """Return the row, the curve that is drawn of it, and its raw scores, as they are written."""
    spec, method = attack.spec, target.method
    cell = _unmeasured(bench, base, attack, target)
    with timed() as seconds:
        try:
            name = f"{base.method} / {attack.name}"
            with bench.pool.working_on(name):
                if spec.threat in JUDGED:
                    return _judged(cell, JUDGED[spec.threat](bench.pool, attack, target), seconds()), None, b""
                done = run_attack(bench.pool, attack, target)
            scores = done.kept.npz()
            write_bytes(_scores_at(bench, base, attack), scores, private=True)
        except NothingToDo as error:  # nothing to measure is no failure
            return replace(cell, reason=reason_of(error)), None, b""
        except Exception as error:
            keep_traceback(bench.folder, f"{base.slug}.{slug(attack.name)}", error)
            return replace(cell, status="failed", reason=reason_of(error)), None, b""
    tally = done.tally
    metrics, curve, found = tally.figures(bench.thresholds.get(_matcher(attack), {}))
    if method is None:
        bench.thresholds[_matcher(attack)] = found
    for r, figure in tally.rates(done.group_of).items():
        metrics[f"rank{r}"] = figure.as_dict()
        metrics[f"chance{r}"] = tally.chance(r)
        if base.k_counted and base.k and spec.threat not in UNBOUND:
            halved = len(tally.rounds) > 1 and done.group_of is not None  # half of a group is among the attacker's own people
            metrics[f"bound{r}"] = tally.bound(done.group_of or {}, r) if halved else min(1.0, r / base.k_counted)
        if target.cells:
            metrics[f"bound{r}"] = sum(min(r, size) for size in target.cells) / sum(target.cells)
        if done.group_of is None:
            low, high = proportion_interval(figure.value, figure.n)
            metrics[f"trials{r}"] = {**figure.as_dict(), "low": low, "high": high}
    control = tally.control()
    if control is not None:
        metrics["control1"] = control.as_dict()
        if control.value > too_often(metrics["chance1"], tally.candidates):
            reason = f"it names exchanged people right ({control.value:.2f}) far more often than guessing does: it cheats"
            return replace(cell, status="failed", reason=reason), None, scores
    if done.unlearned is not None:
        plain = done.unlearned.rates(done.group_of).get(1)
        if plain is not None:
            metrics["unlearned1"] = plain.as_dict()
    drawn: dict[str, Any] | None = None
    if tally.candidates:
        drawn = curves_data(tally.cmc(), curve)
        write_json(_curve_at(bench, base, attack), drawn)
    people, named = tally.named()
    row = replace(
        cell,
        by=by_class(bench.labels, "rank1", people, named, proportion=True, group_of=done.group_of),
        gallery=done.gallery,
        candidates=tally.candidates,
        probes=tally.probes,
        missed=tally.missed,
        metrics=metrics,
        stages={"attack": seconds()},
    )
    return row, drawn, scores


def _scores_at(bench: Bench, base: Cell, attack: AttackPlan) -> Path:
    return bench.folder / "private" / "scores" / base.slug / f"{slug(attack.name)}.npz"


def _curve_at(bench: Bench, base: Cell, attack: AttackPlan) -> Path:
    return bench.folder / "figures" / "attacks" / base.slug / f"{slug(attack.name)}.json"


def _judged(cell: Cell, done: MembershipResult | AttributeResult, seconds: float) -> Cell:
    """Return the row of an attack that judges people."""
    row = replace(cell, candidates=done.judged, probes=done.judged, missed=done.missed)
    return replace(row, metrics=done.metrics, stages={"attack": seconds})


def _matcher(attack: AttackPlan) -> tuple[str, str]:
    """Return whose scores can be held against one threshold."""
    return attack.spec.use, attack.sees


def told_apart(groupings: Sequence[Mapping[str, int] | None], faces: FaceSet) -> tuple[int, ...]:
    """Return the people in each set that several releases together leave undistinguished: who share a picture in all of them.

    Args:
        groupings: face id -> group, of each release; without groups (None) nobody shares anything, and nothing is told.
        faces: with subjects.
    """
    if any(groups is None for groups in groupings):
        return ()
    person_of = dict(zip(faces.ids, faces.subjects or (), strict=True))
    places: dict[str, list[int]] = {}
    for groups in groupings:
        of = {person_of[face]: group for face, group in (groups or {}).items()}
        for person in set(person_of.values()):
            places.setdefault(person, []).append(of.get(person, -1))
    return tuple(Counter(tuple(place) for place in places.values() if -1 not in place).values())


def reason_of(error: Exception) -> str:
    """Return what a row says of an error: our own words as they are, anything else with its kind; and whose component failed."""
    said, by = str(error) if isinstance(error, DeidframeError) else one_line(error), getattr(error, "by", "")
    said = without_places(said)  # rows are public; the traceback under `private` has it whole
    return f"{said} [{by}]" if by else said


def keep_traceback(folder: Path, slug: str, error: Exception) -> None:
    """Keep where an error came from, under `private`, for it can quote what a component was working on."""
    text = "".join(traceback.format_exception(error))
    write_bytes(folder / "private" / "records" / f"{slug}.traceback.txt", text.encode("utf-8", "backslashreplace"), private=True)
