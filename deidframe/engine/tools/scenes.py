"""Scenes for the shell: find the detectors and the cover by name, and cover a folder of photos."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deidframe.contract.errors import NothingToDo, PluginError, UsageError
from deidframe.contract.params import Params
from deidframe.contract.photos import Photos
from deidframe.engine.components.pool import ComponentPool
from deidframe.engine.components.step import Step
from deidframe.engine.planning.scene_plan import ScenePlan
from deidframe.engine.runtime.progress import Reporter
from deidframe.engine.scenes.checks import Wanted
from deidframe.engine.scenes.covers import BUILT_IN, FILL, Cover, redacted
from deidframe.engine.scenes.films import cover_videos
from deidframe.engine.scenes.folder import Outcome
from deidframe.engine.scenes.look import Looker
from deidframe.engine.scenes.photos import cover_photos
from deidframe.engine.scenes.video import preview
from deidframe.guard.hygiene import encode_jpeg
from deidframe.host.catalogue import Catalogue
from deidframe.recipe.packaged import usual


@dataclass(frozen=True)
class SceneTools:
    """What a command over scenes works with.

    Args:
        pool: calls the components.
        lookers: the detectors.
        wanted: the cover.
        reporter: shows progress.
    """

    pool: ComponentPool
    lookers: tuple[Looker, ...]
    wanted: Wanted
    reporter: Reporter


def scene_tools(cover: str, detectors: Sequence[str], scratch: Path, reporter: Reporter, *, offline: bool = False) -> SceneTools:
    """Find a cover and detectors by name.

    Args:
        cover: `fill`, `mosaic` or an installed redactor.
        detectors: installed detectors, the first also looks at turned pictures.

    Raises:
        UsageError: a name is unknown. PluginError: the redactor protects nothing.
    """
    pool = ComponentPool(0, None, scratch, reporter, offline=offline)
    lookers = tuple(Looker.of(pool, step_of("detector", name)) for name in dict.fromkeys(detectors))
    made, blind = cover_of(pool, cover)
    return SceneTools(pool, lookers, Wanted(made, cover, blind), reporter)


def cover_folder(
    tools: SceneTools, source: Path, folder: Path, *, allow_faceless: bool = False, exempt: Sequence[str] = ()
) -> Outcome:
    """Cover every face of a folder of photos.

    Args:
        tools: the cover and the detectors.
        source: the folder.
        folder: where the released photos go; new, or of the same run cut short.
        exempt: `photo=reason`.

    Raises:
        UsageError: an exemption has no reason. NothingToDo: no photo, or none can be released.
    """
    wanted = replace(tools.wanted, allow_faceless=allow_faceless, exempt=tuple(_exempt(one) for one in exempt))
    photos = tools.pool.call(step_of("source", usual().source, {"path": source, "layout": "flat"}))
    return cover_photos(photos, tools.lookers, wanted, folder, tools.reporter)


def cover_films(
    tools: SceneTools,
    source: Path,
    folder: Path,
    *,
    sound: bool = True,
    allow_faceless: bool = False,
    exempt: Sequence[str] = (),
    roi: Sequence[str] = (),
    roi_reason: str = "",
) -> Outcome:
    """Cover every face of a video, or of a folder of videos; see `cover_folder`.

    Args:
        exempt: `video=reason`.
        roi: `x0,y0,x1,y1`, parts of frames in which faces are looked for; roi_reason: why not elsewhere.

    Raises:
        UsageError: a part is none, or there is no reason for parts.
    """
    parts = tuple(_part(one) for one in roi)
    if bool(parts) != bool(roi_reason.strip()):
        raise UsageError("--roi and --roi-reason go together: the reason stands in the certificate")
    wanted = replace(tools.wanted, allow_faceless=allow_faceless, exempt=tuple(_exempt(one) for one in exempt))
    reason = roi_reason.strip()
    return cover_videos(source, folder, tools.lookers, wanted, tools.reporter, sound=sound, roi=parts, roi_reason=reason)


def _part(text: str) -> tuple[float, float, float, float]:
    try:
        x0, y0, x1, y1 = (float(one) for one in text.split(","))
    except ValueError:
        raise UsageError(f"--roi {text!r}: expected x0,y0,x1,y1 in pixels") from None
    if not (x0 < x1 and y0 < y1):
        raise UsageError(f"--roi {text!r}: expected x0 below x1 and y0 below y1")
    return x0, y0, x1, y1


def run_scene(plan: ScenePlan, folder: Path, scratch: Path, reporter: Reporter, *, offline: bool = False) -> Outcome:
    """Do what a recipe with `[scene]` says.

    Raises:
        NothingToDo: no photo, or none can be released. UsageError: the folder exists and is of another run.
    """
    pool = ComponentPool(plan.parsed.recipe.seed, None, scratch, reporter, offline=offline)
    spec = plan.parsed.recipe.scene
    assert spec is not None, "a scene plan is of a recipe with a scene"
    cover = BUILT_IN[spec.cover.use] if plan.cover is None else redacted(functools.partial(pool.call, plan.cover))
    exempt = tuple((one.photo, one.reason) for one in spec.exempt)
    told = spec.cover.use if plan.cover is None else plan.cover.key
    wanted = Wanted(cover, spec.cover.use, spec.cover.use == FILL, spec.allow_faceless, exempt, told)
    photos = pool.call(plan.source)
    if not isinstance(photos, Photos):
        raise NothingToDo("the source gives encodings and no photo")
    return cover_photos(photos, [Looker.of(pool, step) for step in plan.detectors], wanted, folder, reporter)


def preview_film(tools: SceneTools, source: Path, every: int) -> bytes:
    """Return a JPEG of every so-manieth frame of a video as it would be covered; see `preview`.

    Raises:
        UsageError: `every` is less than 1, or there is no such file.
    """
    if every < 1:
        raise UsageError(f"--preview {every}: expected 1 or more")
    if not source.is_file():
        raise UsageError(f"--preview shows one video, and {str(source)!r} is none")
    return encode_jpeg(preview(source, every, tools.lookers, tools.wanted), 85)


def step_of(role: str, name: str, params: dict[str, Any] | None = None) -> Step:
    """Return a component by name.

    Raises:
        UsageError: there is none of that name. PluginError: it is broken.
    """
    catalogue = Catalogue()
    if catalogue.find(role, name) is None:
        raise UsageError(f'no {role} is called "{name}"; installed: {", ".join(catalogue.names(role)) or "none"}')
    loaded = catalogue.load(role, name)
    checked: Params = loaded.component.params.model_validate(params or {})
    return Step(role, loaded, checked)


def cover_of(pool: ComponentPool, name: str) -> tuple[Cover, bool]:
    """Return a cover, and whether it never reads what it covers.

    Raises:
        UsageError: there is none of that name. PluginError: the redactor protects nothing.
    """
    if name in BUILT_IN:
        return BUILT_IN[name], name == FILL
    catalogue = Catalogue()
    if catalogue.find("redactor", name) is None:
        known = ", ".join([*BUILT_IN, *catalogue.names("redactor")])
        raise UsageError(f'no cover is called "{name}"; there are {known}')
    step = step_of("redactor", name)
    if not step.loaded.component.protects:
        raise PluginError(f"{name} protects nothing: it is there to be measured and never covers a face")
    return redacted(functools.partial(pool.call, step)), False


def _exempt(text: str) -> tuple[str, str]:
    photo, _, reason = text.partition("=")
    if not photo.strip() or not reason.strip():
        raise UsageError(f"--exempt {text!r}: expected FILE=REASON; the reason stands in the certificate")
    return photo.strip(), reason.strip()
