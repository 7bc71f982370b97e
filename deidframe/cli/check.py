"""`deidframe check`: read a recipe, say everything wrong with it, or what will run. Nothing runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from deidframe.words import came_in, counted

if TYPE_CHECKING:
    from deidframe.engine.planning.plan import Plan

HELP = "check a recipe and print what would run"
EXAMPLE = "deidframe check quickstart --set source.params.people=20"

RECIPE = "a TOML file, or the name of a recipe that travels with deidframe"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", help=RECIPE)
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of recipes, with the parameters of what is installed"
    )
    recipe_options(parser)


def recipe_options(parser: argparse.ArgumentParser) -> None:
    """Declare what changes a recipe."""
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], metavar="PATH=VALUE", help="change one value, may be given again"
    )
    parser.add_argument("--k", type=int, metavar="K", help="k of every method that has one, as --set 'method[*].k=K'")
    parser.add_argument("--limit", type=int, metavar="N", help="take only the first N pictures")
    parser.add_argument(
        "--sample", type=int, metavar="N", help="draw whole people until they have N pictures, and take those alone"
    )


def overrides_of(options: argparse.Namespace) -> list[str]:
    """Return what `--set` and `--k` change."""
    import json

    before = getattr(options, "update", [])
    kept = [f"release.before={json.dumps(before)}"] if before else []
    return [*options.overrides, *([f"method[*].k={options.k}"] if options.k is not None else []), *kept]


def run(options: argparse.Namespace) -> int:
    """Print the expanded cells, or the schema."""
    import json
    import tempfile
    from pathlib import Path

    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from deidframe.contract.errors import UsageError
    from deidframe.engine.planning.planner import plan
    from deidframe.engine.planning.schema import recipe_schema
    from deidframe.host.catalogue import Catalogue
    from deidframe.recipe.packaged import find_recipe
    from deidframe.recipe.parse import load_recipe

    if options.schema:
        if options.recipe:
            raise UsageError("--schema is of all recipes; leave out the recipe")
        print(json.dumps(recipe_schema(Catalogue()), indent=1))
        return 0
    if not options.recipe:
        raise UsageError("name a recipe, or ask for --schema")
    parsed = load_recipe(find_recipe(options.recipe), overrides_of(options))
    if parsed.recipe.scene is not None and not parsed.recipe.method:
        from deidframe.engine.planning.scene_plan import plan_scene

        scene = plan_scene(parsed, Catalogue())
        seen = " and ".join(step.name for step in scene.detectors)
        cover = parsed.recipe.scene.cover.use
        print(f"{parsed.recipe.name}: whole photos from {scene.source.name}, faces seen by {seen}, covered by {cover}")
        print("nothing is wrong with the recipe")
        return 0
    with tempfile.TemporaryDirectory(prefix="deidframe-") as scratch:
        planned = plan(parsed, Catalogue(), Path(scratch), options.limit, options.sample)
    console = Console()
    by = f", faces by {planned.detector.loaded.qualified}" if planned.detector else ""
    console.print(
        Text(
            f"{parsed.recipe.name}: {_all_of(planned)}"
            f" ({_who(parsed.recipe.source.subjects)}) from {planned.source.loaded.qualified}{by}"
        )
    )
    for note in planned.notes:
        console.print(Text(f"note: {note}"))
    table = Table(box=box.SIMPLE_HEAD)
    for head in ("method", "k", "steps"):
        table.add_column(head, overflow="fold")
    for method in planned.methods:
        encoders = " + ".join(step.name for step in method.encoders)
        steps = " > ".join(encoders if key == "encoder" else step.name for key, step in method.steps.items())
        steps = " > ".join([steps, *(step.name for step in method.then)])
        table.add_row(Text(method.name), str(method.k or ""), Text(steps + _beside(method.grouping, method.protects)))
    console.print(table)
    for attack in planned.attacks:
        spec = attack.spec
        said = f"threat {spec.threat}, gallery {spec.gallery}, sees with {attack.sees}"
        console.print(Text(f"attack {attack.name}: {attack.step.name}, {said}"))
    for name, step in planned.measures:
        console.print(Text(f"measure {name}: {step.name}, {step.loaded.component.summary}"))
    if planned.audit:
        seen = f", and with {planned.audit.encoder.name} for copies of originals" if planned.audit.encoder else ""
        console.print(Text(f"audit: {planned.audit.detector.name} looks for a second face{seen}"))
    if planned.gate:
        who = planned.gate.encoder.name if planned.gate.encoder else "nobody: no encoder that could is installed"
        doubt = "the owner's file decides" if planned.gate.decisions else planned.gate.decision
        console.print(Text(f"people: labels are compared by {who}; two that look like one person: {doubt}"))
    rows = len(planned.methods) * sum(a.spec.threat != "clear" for a in planned.attacks)
    console.print(
        Text(f"{counted(len(planned.methods), 'method')}, {counted(rows, 'attacked cell')}; nothing is wrong with the recipe")
    )
    return 0


def _all_of(planned: Plan) -> str:
    if planned.encodings is not None:
        return f"{counted(len(planned.people), 'encoding')} of {counted(planned.person_count, 'person')}"
    return came_in(len(planned.people), planned.person_count, len(planned.photos.skipped))


def _who(subjects: object) -> str:
    return subjects if isinstance(subjects, str) else f"at most, to be found by {getattr(subjects, 'use', '')}"


def _beside(grouping: bool, protects: bool) -> str:
    if grouping:
        return " (grouped and measured)"
    return "" if protects else " (measured, never released)"
