"""The tables of a report, as columns and lines; nothing here knows of HTML, Markdown or a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from deidframe.record.read import Record
from deidframe.record.schema import Cell
from deidframe.report.answer import best
from deidframe.report.columns import Column, Estimate, Line, Table, Value, facts, measured, metric
from deidframe.report.rows import Row, chance, judges, rows

RANKS = (1, 5, 10)
_COUNTS = ("k", "k_counted", "people", "groups", "total", "released", "withheld", "failed")
_ATTACKED = ("attack", "threat", "gallery", "encoder", "status", "reason", "k", "candidates", "probes", "missed", "seed")


def attacks_of(record: Record) -> list[str]:
    """Return the names of the attacks on releases, in the recipe's order."""
    return list(dict.fromkeys(c.attack for c in record.cells if c.attack and c.threat != "clear"))


def comparison(record: Record, *, ladder_beside: bool = False) -> Table[Row]:
    """Return the methods side by side, guessing and untouched faces among them.

    Args:
        record: of the run.
        ladder_beside: `ladder` stands beside it, so that the worst attack stands for all.
    """
    attacks = attacks_of(record)
    every = rows(record)
    few = len(attacks) <= 2 and not ladder_beside  # the worst of many stands for all
    ranks = tuple(_rank(name) for name in attacks) if few else ()
    worst = (
        Column[Row]("rank-1,\nworst", _worst, narrow=True, metric="rank1"),
        Column[Row]("by", lambda row: row.worst.attack if row.worst else None),
    )
    columns = (
        Column[Row]("people,\ngroups", lambda row: (row.cell.people, row.cell.groups)),
        Column[Row]("k asked,\ncounted", lambda row: (row.cell.k, row.cell.k_counted) if row.cell.k else None),
        *(ranks or worst),
        Column[Row]("1/k", lambda row: 1 / row.cell.k_counted if row.cell.k and row.cell.k_counted else None, narrow=True),
        *(_loss(name, narrow=n == 0) for n, name in enumerate(judges(record))),
        *(_of_scenes(every) if record.scene else ()),
        Column[Row]("found\n(%)", _found, 0, 100, metric="scene_faces_found" if record.scene else "faces_found"),
        Column[Row]("released,\nwithheld, failed", _released, narrow=True),
        Column[Row]("time\n(s)", lambda row: row.cell.stages.get("method", 0.0), 1),
    )
    chosen = best(every)
    lines = [
        Line(
            row.cell.method,
            row,
            status="" if row.cell.status == "ok" else f"{row.cell.status}: nothing released; {row.cell.reason}",
            notes=_notes(row, chosen),
            broken=row.broken,
        )
        for row in every
    ]
    guess = chance(record)
    if guess is not None:
        lines.append(Line("chance", values={column.head: guess for column in (ranks or worst[:1])}))
    seen_with = Counter(cell.encoder for cell in record.clear)
    for cell in record.clear:
        status = "" if cell.status == "ok" else f"{cell.status}: {cell.reason}"
        own = [c for c, name in zip(ranks, attacks, strict=True) if _encoder_of(record, name) == cell.encoder] if ranks else worst
        clear: dict[str, Value] = {column.head: measured(cell, "rank1") for column in own if column.metric == "rank1"}
        by = f"{cell.attack}, {cell.encoder}" if seen_with[cell.encoder] > 1 else cell.encoder
        lines.append(Line(f"untouched faces ({by})", status=status, values=clear))
    return Table("method", columns, tuple(lines))


def ladder(record: Record) -> Table[Mapping[str, Cell]]:
    """Return every attack on every method, a line an attack, beside guessing, a control and untouched faces."""
    every = rows(record)
    lines: list[Line[Mapping[str, Cell]]] = []
    for name in attacks_of(record):
        tried = {row.cell.method: row.attacks[name] for row in every if name in row.attacks}
        sample = next(iter(tried.values()))
        notes = f"{sample.threat}, {sample.gallery}" if sample.gallery else sample.threat
        lines.append(Line(name, tried, notes=(notes,)))
    clear = {cell.encoder: cell for cell in reversed(record.clear)}
    columns: tuple[Column[Mapping[str, Cell]], ...] = (
        Column("guessing", lambda of: max((c.metrics["chance1"] for c in of.values() if "chance1" in c.metrics), default=None)),
        Column("exchanged\npeople", _worst_control, metric="control1"),
        Column("untouched\nfaces", lambda of: measured(clear.get(next(iter(of.values())).encoder), "rank1"), metric="rank1"),
        *(_under(row.cell.method) for row in every),
    )
    return Table("attack", columns, tuple(lines))


def _worst_control(of: Mapping[str, Cell]) -> Value:
    """Return the highest rank-1 of exchanged people among the methods: an attack that does not cheat stays at guessing."""
    return max((float(c.metrics["control1"]["value"]) for c in of.values() if "control1" in c.metrics), default=None)


def _under(method: str) -> Column[Mapping[str, Cell]]:
    """Return the column of a method in the ladder."""

    def read(of: Mapping[str, Cell]) -> Value:
        cell = of.get(method)
        return cell.status if cell is not None and cell.status != "ok" else measured(cell, "rank1")

    def bound(of: Mapping[str, Cell]) -> float | None:
        return of[method].metrics.get("bound1") if method in of else None

    return Column(method, read, metric="rank1", bound=bound)


def _of_scenes(every: Sequence[Row]) -> list[Column[Row]]:
    """Return the columns that only scenes have; those of videos where there are any."""
    wanted = (
        ("drawn\n(%)", "scene_drawn", 0, 100.0),
        ("repaired,\nfaces", "scene_repaired", 0, 1.0),
        ("trembling,\ntimes", "scene_trembling", 2, 1.0),
        ("frames\na second", "scene_frames_a_second", 0, 1.0),
    )

    def column(head: str, name: str, decimals: int, scale: float) -> Column[Row]:
        return Column(head, lambda row: row.cell.metrics.get(name), decimals, scale, metric=name)

    return [column(*one) for one in wanted if any(one[1] in row.cell.metrics for row in every)]


def _encoder_of(record: Record, attack: str) -> str:
    return next((c.encoder for c in record.cells if c.attack == attack), "")


def _worst(row: Row) -> Value:
    return measured(row.worst, "rank1")


def _loss(encoder: str, *, narrow: bool) -> Column[Row]:
    """Return the column of the loss in one encoder, with a star where the method itself used that encoder."""

    def read(row: Row) -> Value:
        found = measured(row.cell, f"loss.{encoder}")
        return replace(found, star=encoder in row.cell.sees) if isinstance(found, Estimate) else found

    return Column(f"loss,\n{encoder}", read, narrow=narrow, metric=f"loss.{encoder}")


def _rank(name: str) -> Column[Row]:
    def read(row: Row) -> Value:
        attack = row.attacks.get(name)
        if attack is not None and attack.status != "ok":
            return attack.status
        return measured(attack, "rank1")

    return Column(f"rank-1,\n{name}", read, narrow=True, metric="rank1")


def _found(row: Row) -> Value:
    found = row.cell.metrics.get("scene_faces_found") or row.cell.metrics.get("faces_found")
    return float(found["value"]) if found else None


def _released(row: Row) -> Value:
    return (row.cell.released, row.cell.withheld, row.cell.failed) if row.cell.protects else None


def _notes(row: Row, chosen: Row | None) -> tuple[str, ...]:
    notes = ["keeps its promise at the least loss"] if chosen is not None and row.cell.method == chosen.cell.method else []
    if row.cell.foreign:
        return (*notes, "released by another tool")
    return tuple(notes if row.cell.protects else [*notes, "measured, never released"])


def attack_table(record: Record, name: str) -> Table[Cell]:
    """Return one attack on every method, with bounds and chance at each rank."""
    at = ", ".join(map(str, RANKS))
    columns = (
        *(metric(f"rank{r}", f"rank-{r}") for r in RANKS),
        Column[Cell](f"bound r/k\nat {at}", lambda c: measured(c, *(f"bound{r}" for r in RANKS)), metric="bound1"),
        Column[Cell](f"chance r/N\nat {at}", lambda c: measured(c, *(f"chance{r}" for r in RANKS)), metric="chance1"),
        metric("control1", "exchanged\npeople"),
        metric("link10", "first\nof 10"),
        metric("tar_1e-3", "TAR at\nFAR .001"),
        metric("eer", "EER"),
        Column[Cell]("D_sys,\nexchanged", lambda c: measured(c, "d_sys", "d_sys_exchanged"), metric="d_sys"),
        Column[Cell]("singled out,\nin noise", lambda c: measured(c, "sing", "sing_noise"), metric="sing"),
        *_membership(record, name),
        Column[Cell]("probes", lambda c: c.probes),
        Column[Cell]("no score", lambda c: c.missed),
    )
    attacked = [row.attacks[name] for row in rows(record) if name in row.attacks]
    return Table("method", columns, tuple(map(_attack_line, attacked)))


def _membership(record: Record, name: str) -> tuple[Column[Cell], ...]:
    """Return the columns of an attack that asks who was in the database, or reads an attribute; none for the others."""
    if any(cell.attack == name and "attribute_area" in cell.metrics for cell in record.cells):
        return metric("attribute_area", "area,\nguess .5"), metric("attribute_share", "larger\nkind")
    if not any(cell.attack == name and "member_area" in cell.metrics for cell in record.cells):
        return ()
    return metric("member_tpr", "members found\nat FAR .01"), metric("member_area", "area")


def _attack_line(cell: Cell) -> Line[Cell]:
    line = _line(cell)
    return replace(line, notes=("sees with an encoder that the method itself used",)) if cell.own_encoder else line


def group_table(record: Record, encoders: Sequence[str]) -> Table[Cell]:
    """Return how tight the groups are and how near their surrogates, in each encoder."""
    columns: list[Column[Cell]] = [Column("groups", lambda c: c.groups)]
    for encoder in encoders:
        columns += [
            metric(f"sse.{encoder}", f"SSE\n{encoder}"),
            metric(f"loss_ratio.{encoder}", f"ratio\n{encoder}"),
            metric(f"loss.{encoder}", f"loss\n{encoder}"),
        ]
    return Table("method", tuple(columns), tuple(_line(row.cell) for row in rows(record) if row.cell.groups))


def looks_of(record: Record) -> dict[str, Any]:
    """Return the detectors and encoders by which pictures were judged."""
    names = {name for c in record.methods for name in c.metrics}

    def of(kind: str) -> list[str]:
        return sorted(name.partition(".")[2] for name in names if name.startswith(f"{kind}."))

    return {"detectors": of("least_score"), "encoders": of("kernel"), "attributes": "age_off" in names}


def quality_table(cells: Sequence[Cell], detectors: Sequence[str], encoders: Sequence[str], *, attributes: bool) -> Table[Cell]:
    """Return how good the released pictures are, as other detectors, encoders and a network of attributes see them."""
    columns: list[Column[Cell]] = [
        metric("distinct", "different\npictures"),
        metric("distinct_share", "for each\nperson"),
    ]
    for detector in detectors:
        columns += [_share(f"found.{detector}", f"found by\n{detector} (%)"), metric(f"least_score.{detector}", "least\nscore")]
    columns.append(
        Column("sharpness,\noriginals'", lambda c: measured(c, "sharpness", "sharpness_before"), 0, metric="sharpness")
    )
    for encoder in encoders:
        columns += [
            metric(f"verified.{encoder}", f"matched\n{encoder}"),
            metric(f"least_distance.{encoder}", f"least distance\n{encoder}"),
            metric(f"kernel.{encoder}", f"kernel\n{encoder}", 3),
        ]
    if attributes:
        columns += [
            Column("sex right,\ngroups", lambda c: measured(c, "sex_right", "sex_groups"), metric="sex_right"),
            metric("age_off", "age off\n(years)", 1),
        ]
    return Table("method", tuple(columns), tuple(map(_line, cells)))


def judged_of(record: Record) -> list[Cell]:
    """Return the methods whose pictures were judged."""
    return [cell for cell in record.methods if "distinct" in cell.metrics]


def kept_of(record: Record) -> Table[Cell]:
    """Return what the released faces of a run keep of their originals."""
    judged = judged_of(record)
    learnt = sorted({name.partition(".")[2] for cell in judged for name in cell.metrics if name.startswith("task.")})
    return kept_table(judged, looks_of(record)["detectors"], learnt)


def kept_table(cells: Sequence[Cell], detectors: Sequence[str], columns: Sequence[str]) -> Table[Cell]:
    """Return what released faces keep of their originals, above the ceilings: the same of clear faces that were moved a little.

    Args:
        cells: of the methods.
        detectors: that found landmarks.
        columns: that a classifier learnt.
    """
    shown: list[tuple[Column[Cell], str]] = []
    for by in detectors:
        shown += [
            (metric(f"landmarks.{by}", f"landmarks off\n{by}", 3), f"landmarks_ceiling.{by}"),
            (metric(f"yaw_off.{by}", f"yaw off (°)\n{by}", 1), f"yaw_ceiling.{by}"),
            (metric(f"pitch_off.{by}", f"pitch off (°)\n{by}", 1), f"pitch_ceiling.{by}"),
        ]
    shown += [
        (metric("expression_kept", "expression\nkept"), "expression_ceiling"),
        (metric("ssim", "SSIM"), ""),
        (metric("psnr", "PSNR\n(dB)", 1), ""),
    ]
    shown += [(metric(f"task.{name}", f"learnt:\n{name}"), f"task_clear.{name}") for name in columns]
    shown = [one for one in shown if any(one[0].metric in c.metrics for c in cells)]
    lines = list(map(_line, cells))
    for label, suffix in (("clear faces: the ceiling", ""), ("guessing", "chance")):
        values: dict[str, Value] = {}
        for column, ceiling in shown:
            name = ceiling.replace("ceiling", "chance").replace("task_clear", "task_chance") if suffix else ceiling
            if name and (suffix == "" or name != ceiling):
                values[column.head] = next((found for c in cells if (found := measured(c, name)) is not None), "")
        if any(value != "" for value in values.values()):
            lines.append(Line(label, values=values))
    return Table("method", tuple(column for column, _ in shown), tuple(lines))


def measured_names(record: Record) -> list[str]:
    """Return the names of the measures of plugins, in the recipe's order."""
    return list(record.run.get("measures", {}))


def measured_table(record: Record) -> Table[Cell]:
    """Return the figures of plugins, above what untouched faces reach that were moved a little."""

    def column(name: str) -> Column[Cell]:
        def read(cell: Cell) -> Value:
            return "failed" if name in cell.unmeasured else measured(cell, f"measure.{name}")

        unit = record.run["measures"][name].get("unit", "")
        return Column(f"{name}\n({unit})" if unit else name, read, metric=f"measure.{name}")

    columns = tuple(map(column, measured_names(record)))
    lines: list[Line[Cell]] = []
    for cell in (c for c in record.methods if not c.grouping):
        why = tuple(f"{name}: {said}" for name, said in cell.unmeasured.items())
        lines.append(replace(_line(cell), notes=why))
    values: dict[str, Value] = {}
    for column_of, name in zip(columns, measured_names(record), strict=True):
        values[column_of.head] = next(
            (v for c in record.methods if (v := measured(c, f"measure_ceiling.{name}")) is not None), ""
        )
    if any(value != "" for value in values.values()):
        lines.append(Line("untouched faces, moved a little", values=values))
    return Table("method", columns, tuple(lines))


def survey_table(told: Mapping[str, Mapping[str, Any]]) -> Table[Mapping[str, Any]]:
    """Return what people answered, by method, beside the machine on the same questions."""

    def column(name: str, head: str) -> Column[Mapping[str, Any]]:
        return Column(head, lambda one: Estimate.of(one.get(name)))

    columns = (
        column("right", "people right,\nwhere they could be"),
        column("accused", "chose somebody,\nwhere nobody was right"),
        column("machine", "the machine,\nsame questions"),
    )
    return Table("method", columns, tuple(Line(name, one) for name, one in told.items()))


def inside_table(cells: Sequence[Cell], columns: Sequence[str]) -> Table[Cell]:
    """Return what groups give away of each attribute to who knows that a person is in one."""
    shown: list[Column[Cell]] = []
    for name in columns:
        shown += [
            metric(f"homogeneous.{name}", f"one {name}\nonly"),
            metric(f"diversity.{name}", f"l-diversity\n{name}", 0),
            metric(f"closeness.{name}", f"t-closeness\n{name}"),
        ]
    return Table("method", tuple(shown), tuple(_line(c) for c in cells if any(one.metric in c.metrics for one in shown)))


def _share(name: str, head: str) -> Column[Cell]:
    def read(cell: Cell) -> Value:
        found = measured(cell, name)
        return found.value if isinstance(found, Estimate) else found

    return Column(head, read, 1, 100, metric=name)


def seconds_table(record: Record) -> Table[Cell]:
    """Return the seconds of each stage of each method."""
    stages = list(dict.fromkeys(s for c in record.methods for s in c.stages))

    def column(stage: str) -> Column[Cell]:
        return Column("whole" if stage == "method" else stage, lambda c: c.stages.get(stage))

    return Table("method", tuple(map(column, stages)), tuple(Line(row.cell.method, row.cell) for row in rows(record)))


def grouping_table(cells: Sequence[Cell]) -> Table[Cell]:
    """Return groupings side by side: of people, which have a k, or those that find people among pictures."""
    judged = [
        Column[Cell]("pairwise\nprecision, recall", lambda c: measured(c, "pairwise_precision", "pairwise_recall"), 3),
        metric("pairwise_f", "pairwise\nF", 3, narrow=True),
        metric("bcubed_f", "BCubed\nF", 3),
    ]
    columns = (
        Column[Cell]("encoder", lambda c: c.encoder),
        Column[Cell]("k asked,\nsmallest", lambda c: (c.k, c.k_counted) if c.k else None, narrow=True),
        Column[Cell]("groups", lambda c: c.groups, narrow=True),
        metric("largest", "largest", narrow=True),
        Column[Cell](
            "noise\n(%)", lambda c: measured(c, "noise_before") or measured(c, "noise_share"), 1, 100, True, "noise_before"
        ),
        metric("sse", "SSE", narrow=True),
        metric("seed_ssd_l2", "pair\nsum"),
        metric("silhouette", "silhouette", narrow=True),
        metric("within", "within"),
        metric("between", "between"),
        *(judged if any(c.k is None for c in cells) else ()),
        Column[Cell]("time\n(s)", lambda c: float(sum(c.stages.values())), narrow=True),
    )
    return Table("method", columns, tuple(map(_line, cells)))


def every_method(record: Record) -> Table[Cell]:
    """Return every figure of every method, by its name in the record."""
    return _everything(record.methods, ("status", "reason", *_COUNTS))


def every_attack(record: Record) -> Table[Cell]:
    """Return every figure of every attack, by its name in the record."""
    return _everything([c for c in record.cells if c.attack], _ATTACKED)


def _everything(cells: Sequence[Cell], names: Sequence[str]) -> Table[Cell]:
    measures = sorted({name for cell in cells for name in cell.metrics})
    stages = list(dict.fromkeys(name for cell in cells for name in cell.stages))

    def seconds(stage: str) -> Column[Cell]:
        return Column(f"seconds_{stage}", lambda cell: cell.stages.get(stage))

    columns = (*facts(names), *(metric(name, name) for name in measures), *map(seconds, stages))
    return Table("method", columns, tuple(Line(cell.method, cell) for cell in cells))


def _line(cell: Cell) -> Line[Cell]:
    return Line(cell.method, cell, status="" if cell.status == "ok" else f"{cell.status}: {cell.reason}")
