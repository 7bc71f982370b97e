"""Check a recipe with `[scene]`: whole photos are covered, and there are no methods."""

from __future__ import annotations

from dataclasses import dataclass

from deidframe.engine.components.step import Step
from deidframe.engine.planning.resolve import Planner, known_to
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.diagnostics import nearest
from deidframe.recipe.locate import KeyPath
from deidframe.recipe.model import COVERS
from deidframe.recipe.parse import Parsed


@dataclass(frozen=True)
class ScenePlan:
    """What a recipe with `[scene]` will do.

    Args:
        parsed: the recipe.
        source: of photos.
        detectors: that one, and the audit's; what any of them sees is covered.
        cover: a redactor, None for a cover that needs no plugin.
    """

    parsed: Parsed
    source: Step
    detectors: tuple[Step, ...]
    cover: Step | None


def plan_scene(parsed: Parsed, catalogue: Catalogue) -> ScenePlan:
    """Check a recipe with `[scene]` against what is installed.

    Args:
        parsed: the recipe.
        catalogue: what is installed.

    Raises:
        RecipeError: everything wrong that can be known without opening a picture.
    """
    recipe = parsed.recipe
    assert recipe.scene is not None and recipe.detector is not None, "the model asks for a detector"
    catalogue = known_to(parsed, catalogue)
    planner = Planner(parsed, catalogue)
    source = planner.part("source", recipe.source, ("source",))
    detectors = [planner.part("detector", recipe.detector, ("detector",))]
    if recipe.audit is not None:
        detectors.append(planner.part("detector", recipe.audit.detector, ("audit", "detector")))
    cover, step = recipe.scene.cover, None
    at: KeyPath = ("scene", "cover")
    if cover.use not in COVERS:
        known = [*COVERS, *catalogue.names("redactor")]
        if catalogue.find("redactor", cover.use, cover.environment) is None:
            said = f'no cover is called "{cover.use}"; there are {", ".join(known)}{nearest(cover.use, known)}'
            planner.complain("P101", (*at, "use"), said)
        else:
            step = planner.part("redactor", cover, at)
            if step is not None and not step.loaded.component.protects:
                planner.complain("R132", (*at, "use"), f'"{cover.use}" protects nothing and never covers a face')
            if step is not None and step.params.takes != "face":
                planner.complain("R132", at, "a cover is given one face after the other")
    elif cover.params:
        planner.complain("R132", (*at, "params"), f'"{cover.use}" takes no parameters')
    if planner.complaints or source is None:
        raise parsed.refuse(planner.complaints)
    return ScenePlan(parsed, source, tuple(one for one in detectors if one is not None), step)
