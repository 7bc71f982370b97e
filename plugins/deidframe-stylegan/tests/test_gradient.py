from __future__ import annotations

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from float32 import GENERATOR, apart
from pydantic import ValidationError
from real_recognizer import RealRecognizer

torch = pytest.importorskip("torch")


from deidframe.contract import ArtifactError, Context, FaceSet, PluginError, Surrogates, align  # noqa: E402
from deidframe_stylegan import aim as aim_module  # noqa: E402
from deidframe_stylegan import following, gradient  # noqa: E402
from deidframe_stylegan.aim import stages_of  # noqa: E402
from deidframe_stylegan.arrays import STYLES  # noqa: E402
from deidframe_stylegan.bank import load_bank  # noqa: E402
from deidframe_stylegan.differentiable import TorchGenerator  # noqa: E402
from deidframe_stylegan.generator import Generator  # noqa: E402
from deidframe_stylegan.mean_latent import StyleGanMean  # noqa: E402
from deidframe_stylegan.objective import Score, cells, cut_out, plain, sampled_in_order  # noqa: E402
from deidframe_stylegan.plugin import StyleGanParams  # noqa: E402
from deidframe_stylegan.portrait import GRID  # noqa: E402
from deidframe_stylegan.start import fit_start  # noqa: E402
from deidframe_stylegan.surrogate import StyleGan  # noqa: E402
from deidframe_stylegan.targets import Target, group_targets  # noqa: E402

BOTH = {"sface": 1.0, "dlib-resnet": 0.3}
TEMPLATE = align.template(256)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return Context(seed=1, scratch=tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="module")
def generator(base: Context) -> Generator:
    return Generator(base)


@pytest.fixture(scope="module")
def recognizer(base: Context) -> dict[str, RealRecognizer]:
    return {name: RealRecognizer(name, base) for name in BOTH}


@pytest.fixture(scope="module")
def group(base: Context, generator: Generator, recognizer: dict[str, RealRecognizer]) -> tuple[FaceSet, Surrogates]:
    """Three people who do not exist, alike, as one group."""
    bank = load_bank("sface")
    near = bank.nearest(bank.encodings[7], 3)
    pictures = np.stack([generator.picture(bank.w[row], 256) for row in near])
    ids = ("a", "b", "c")
    faces = FaceSet(ids, pictures, np.repeat(align.template(256)[None], 3, axis=0))
    mean = recognizer["sface"].encode(faces).vectors.mean(axis=0)
    return faces, Surrogates(ids, np.repeat(mean[None], 3, axis=0), np.zeros(3, np.int64), np.full(3, 1 / 3), "sface")


def aiming(base: Context, recognizer: Mapping[str, Any], notes: list[dict[str, Any]] | None = None, **params: Any) -> StyleGan:
    chosen = StyleGanParams(aim="gradient", **params)
    record = (lambda name, data: notes.append(dict(data))) if notes is not None else (lambda name, data: None)
    context = Context(seed=1, scratch=base.scratch, recognizer=recognizer["sface"], recognizers=dict(recognizer), record=record)
    return StyleGan(chosen, context)


def test_the_torch_generator_equals_the_drawing_layer_by_layer(base: Context, generator: Generator) -> None:
    layers = generator.draws(STYLES, 3)
    wanted = generator._drawing.draw(layers, half=False)
    model = TorchGenerator(base)
    with torch.inference_mode():
        made = model(torch.from_numpy(layers[None]))[0].permute(1, 2, 0).numpy()
    assert np.abs(np.clip((made + 1) * 127.5, 0, 255) - wanted).max() < apart(*GENERATOR, 127.5)


def test_what_a_gpu_draws_is_what_a_processor_draws(base: Context, generator: Generator) -> None:
    points = generator.draws(2, 5)
    made = (
        TorchGenerator(base).pictures(torch.from_numpy(points[:, None].repeat(STYLES, axis=1)), 256).permute(0, 2, 3, 1).numpy()
    )
    wanted = np.stack([generator.picture(one, 256) for one in points])
    assert np.abs(np.rint(made) - wanted).max() <= 1


@pytest.mark.parametrize("side", [64, 128, 256, 512])
def test_the_proxy_and_its_gradient_are_those_of_torch(
    base: Context, generator: Generator, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loops go the way back by formulas of our own; torch derives them."""
    monkeypatch.setattr(following, "has_bfloat16", lambda: False)
    model = TorchGenerator(base)
    w = torch.from_numpy(np.stack([generator.draws(STYLES, 3), generator.draws(STYLES, 4)])).requires_grad_()
    weights = torch.from_numpy(np.random.default_rng(2).standard_normal((2, 3, side, side)).astype(np.float32))
    made = model(w, side)
    (ours,) = torch.autograd.grad((made * weights).sum(), w)
    plain = model.in_torch([model._style(w, n) for n in range(STYLES)], side)
    (theirs,) = torch.autograd.grad((plain * weights).sum(), w)
    assert torch.abs(made - plain).max() < apart(*GENERATOR, 1.0)
    assert torch.linalg.norm(theirs) > 1
    # a value next to a rectifier's corner may fall to its other side: float32 lies up to 8e-4 from float64, in torch and in ours
    assert torch.linalg.norm(ours - theirs) < 5e-3 * torch.linalg.norm(theirs)


def test_rounded_products_hardly_turn_the_gradient(base: Context, generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """On any processor: what rounds in hardware and what does so in software differ less than this."""
    model = TorchGenerator(base)
    w = torch.from_numpy(generator.draws(STYLES, 3)[None]).requires_grad_()
    said = []
    for rounded in (True, False):
        monkeypatch.setattr(following, "has_bfloat16", lambda rounded=rounded: rounded)
        said.append(torch.autograd.grad(model(w, 128).square().sum(), w)[0].flatten())
    assert not torch.equal(*said)
    assert torch.nn.functional.cosine_similarity(*said, 0) > 0.995


def test_the_proxy_does_not_depend_on_threads(base: Context, generator: Generator) -> None:
    model = TorchGenerator(base)
    w = torch.from_numpy(generator.draws(STYLES, 3)[None]).requires_grad_()
    said = []
    for threads in (1, 3):
        model._following._strips.pool = ThreadPoolExecutor(threads)
        made = model(w, 128)
        said.append((made.detach(), *torch.autograd.grad(made.square().sum(), w)))
    assert all(torch.equal(one, other) for one, other in zip(*said, strict=True))


def test_the_proxy_is_the_picture_made_small(base: Context, generator: Generator) -> None:
    w = load_bank("sface").w[3]
    full = generator.picture(w, 128).astype(float)
    model = TorchGenerator(base)
    for side, far in ((512, 0.6), (256, 8.0), (128, 11.0)):
        with torch.inference_mode():
            made = model(torch.from_numpy(w[None]), side)[0].permute(1, 2, 0).numpy()
        assert made.shape == (side, side, 3)
        small = cv2.resize(np.clip((made + 1) * 127.5, 0, 255), (128, 128), interpolation=cv2.INTER_AREA)
        assert np.abs(small - full).mean() < far


def test_a_cut_is_the_warp_that_encoders_make(recognizer: dict[str, RealRecognizer], group: tuple[FaceSet, Surrogates]) -> None:
    faces, _ = group
    assert faces.landmarks is not None
    encoder = recognizer["sface"].as_torch()
    assert encoder is not None
    pictures = torch.from_numpy(np.array(faces.images[:])).permute(0, 3, 1, 2).float() / 127.5 - 1
    cut = cut_out(pictures, [plain(marks) for marks in faces.landmarks], encoder).permute(0, 2, 3, 1).numpy()
    warped = align.warp_all(np.asarray(faces.images[:]), faces.landmarks, encoder.template, encoder.size)
    assert np.abs(cut - warped).mean() < 0.6


def test_aiming_brings_a_found_face_nearer_and_repeats_itself(
    base: Context, recognizer: dict[str, RealRecognizer], group: tuple[FaceSet, Surrogates]
) -> None:
    faces, surrogates = group
    notes: list[dict[str, Any]] = []
    made = aiming(base, recognizer, notes, steps=12).synthesize(faces, surrogates)
    (note,) = notes
    tried = note["tries"][0]
    assert tried["aimed"]["loss"] < note["start"]["proxy"] - 0.05
    assert not note["refused"]
    assert tried["aimed"]["score"] > 0.85
    assert len(tried["curve"]) == 17
    assert min(tried["curve"][1:12:2]) < tried["curve"][1]
    assert np.array_equal(made.images[0:1], made.images[2:3])
    again = aiming(base, recognizer, steps=12).synthesize(faces, surrogates)
    assert np.array_equal(made.images[0:1], again.images[0:1])


def test_where_aiming_gains_nothing_the_start_stands_and_it_is_recorded(
    base: Context,
    recognizer: dict[str, RealRecognizer],
    group: tuple[FaceSet, Surrogates],
    generator: Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    strays = tuple(replace(stage, rate=2.0, last_rate=2.0) for stage in stages_of("quick", None))
    monkeypatch.setattr(gradient, "stages_of", lambda effort, steps: strays)
    monkeypatch.setattr(aim_module, "JITTERED", 0)  # the start itself is never the best step
    notes: list[dict[str, Any]] = []
    made = aiming(base, recognizer, notes, tries=1).synthesize(*group)
    assert notes[0]["refused"] is True
    start = fit_start(tuple(BOTH))
    assert start is not None
    faces, _ = group
    means = {name: one.encode(faces).vectors.mean(axis=0)[None] for name, one in recognizer.items()}
    w = start.w_mean + start.points(means)[0] @ start.basis
    far = np.abs(np.asarray(made.images[:1])[0].astype(int) - generator.picture(w, 256))
    assert far.mean() < 0.1  # means are summed in another order here


def test_a_face_does_not_depend_on_who_is_aimed_at_beside_it(
    base: Context, recognizer: dict[str, RealRecognizer], generator: Generator
) -> None:
    bank = load_bank("sface")
    rows = np.array([7, 300, 1200])
    ids = ("a", "b", "c")
    faces = FaceSet(ids, np.stack([generator.picture(bank.w[row], 256) for row in rows]), np.repeat(TEMPLATE[None], 3, axis=0))
    targets = recognizer["sface"].encode(faces).vectors
    all_three = Surrogates(ids, targets, np.arange(3), np.ones(3), "sface")
    together = np.asarray(aiming(base, recognizer, effort="quick").synthesize(faces, all_three).images[:])
    for row in range(3):
        asked = Surrogates((ids[row],), targets[[row]], np.zeros(1, np.int64), np.ones(1), "sface")
        alone = aiming(base, recognizer, effort="quick").synthesize(faces.take([row]), asked)
        assert np.array_equal(np.asarray(alone.images[:])[0], together[row])


def test_a_gpu_aims_at_several_together_and_each_goes_as_far_as_alone(
    base: Context, recognizer: dict[str, RealRecognizer], generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its code on a processor: several in one tensor, finished pictures by torch. What only a GPU shows is below."""
    bank = load_bank("sface")
    ids = ("a", "b", "c", "d")
    near = np.concatenate([bank.nearest(bank.encodings[row], 2) for row in (7, 300)])
    pictures = np.stack([generator.picture(bank.w[row], 256) for row in near])
    faces = FaceSet(ids, pictures, np.repeat(TEMPLATE[None], 4, axis=0))
    means = recognizer["sface"].encode(faces).vectors.reshape(2, 2, -1).mean(axis=1)
    asked = Surrogates(ids, means.repeat(2, axis=0), np.array([0, 0, 1, 1]), np.full(4, 0.5), "sface")
    alone: list[dict[str, Any]] = []
    aiming(base, recognizer, alone, effort="quick").synthesize(faces, asked)
    notes: list[dict[str, Any]] = []
    together = aiming(base, recognizer, notes, effort="quick")
    monkeypatch.setattr(together._aimed, "_on_gpu", True)
    monkeypatch.setattr(together._aimed, "_at_once", 2)
    together.synthesize(faces, asked)
    # the last bits of gradients differ, and after four steps of Adam so do pixels, by some grey levels
    for one, other in zip(alone, notes, strict=True):
        assert other["tries"][0]["aimed"]["loss"] == pytest.approx(one["tries"][0]["aimed"]["loss"], rel=0.08)
        assert other["tries"][0]["aimed"]["loss"] < other["start"]["proxy"]


def test_a_gpu_without_room_for_all_aims_at_halves(base: Context, recognizer: dict[str, RealRecognizer]) -> None:
    aimed = aiming(base, recognizer)._aimed
    asked: list[list[int]] = []

    def full(rows: list[int]) -> list[int]:
        asked.append(rows)
        if len(rows) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. And more")
        return rows

    room = 2
    assert aimed._in_halves([0, 1, 2, 3, 4], full) == [0, 1, 2, 3, 4]
    assert asked == [[0, 1, 2, 3, 4], [0, 1, 2], [0, 1], [2], [3, 4]]
    assert aimed._at_once == 2
    room = 0
    with pytest.raises(
        PluginError, match=r"no memory left for a single group \(CUDA out of memory\); free some, or run with --dev"
    ):
        aimed._in_halves([0, 1], full)


@pytest.mark.parametrize(("together", "batches"), [(1, [2, 3, 1, 4]), (5, [5, 5]), (64, [10])])
def test_members_of_several_groups_are_aimed_at_together(together: int, batches: list[int]) -> None:
    asked: list[int] = []

    def points(targets: Mapping[str, Target]) -> Any:
        asked.append(len(targets["sface"].mean))
        return targets["sface"].mean[:, None]

    synthesizer = object.__new__(StyleGanMean)
    synthesizer._aim = SimpleNamespace(together=together, points=points)  # type: ignore[assignment]
    each = [np.array(rows) for rows in ([3, 1], [0, 2, 4], [9], [5, 6, 7, 8])]
    targets = {"sface": Target(np.arange(10, dtype=np.float32)[:, None], np.ones(10, np.float32))}
    found = [one.ravel().tolist() for one in synthesizer._latents(each, targets)]
    assert found == [rows.tolist() for rows in each]
    assert asked == batches


def test_who_has_ended_stands_still_while_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a way where sums have one order, a group's points are those it gets alone to the bit."""
    monkeypatch.setattr(aim_module, "PATIENCE", 3)
    monkeypatch.setattr(aim_module, "PAYS", 0.02)
    wanted = torch.tensor([[0.02, 0.0], [3.0, -2.0]])

    class Blank:
        styles = STYLES

        def __call__(self, w: Any, side: int, /) -> Any:
            return torch.zeros(len(w), 3, side, side) + 0 * w.sum()

    def objective(rows: list[int]) -> Any:
        def rate(pictures: Any, cuts: Any, points: Any, own: Any, *, watch: bool) -> Any:
            far = (points.mean(1) - wanted[rows]).square().sum(1) + 1e-3
            return Score(far, far.detach())

        rate.goals = [SimpleNamespace(mean=wanted)]  # type: ignore[attr-defined]
        return rate

    def way(rows: list[int]) -> tuple[Any, int]:
        rngs = [np.random.default_rng(row) for row in rows]
        stages = (replace(stages_of("best", None)[0], steps=40), replace(stages_of("best", None)[1], steps=2))
        marks = np.repeat(align.template(128)[None], len(rows), axis=0)
        start, axes, middle = np.zeros((len(rows), 2), np.float32), np.eye(2, 512, dtype=np.float32), np.zeros(512, np.float32)
        done = aim_module.aim(Blank(), objective(rows), axes, middle, start, lambda pictures: marks, rngs, stages)
        return done.points, len(done.curve)

    (first, short), (second, long), (both, steps) = way([0]), way([1]), way([0, 1])
    assert short < long == steps
    assert np.array_equal(both, np.concatenate([first, second]))


def test_a_sample_in_one_order_is_torchs_own() -> None:
    rng = np.random.default_rng(3)
    pictures = torch.from_numpy(rng.random((2, 3, 32, 32), np.float32)).requires_grad_()
    grid = torch.from_numpy(rng.uniform(-1.3, 1.3, (2, 9, 7, 2)).astype(np.float32))
    kept = torch.nn.functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    made = sampled_in_order(pictures, grid)
    assert (made - kept).abs().max() < 1e-5
    slopes = [torch.autograd.grad(one.square().sum(), pictures)[0] for one in (made, kept)]
    assert (slopes[0] - slopes[1]).abs().max() < 1e-4


@pytest.mark.parametrize("length", [64, 90, 91])
def test_cells_by_products_are_those_of_the_pool(length: int) -> None:
    region = torch.from_numpy(np.random.default_rng(1).random((1, 3, length, length + 5), np.float32))
    down, across = torch.from_numpy(cells(length)), torch.from_numpy(cells(length + 5))
    assert (down @ region @ across.T - torch.nn.functional.adaptive_avg_pool2d(region, GRID)).abs().max() < 1e-5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_faces_repeat_themselves_and_lie_as_near_as_on_a_processor(
    base: Context, recognizer: dict[str, RealRecognizer], group: tuple[FaceSet, Surrogates]
) -> None:
    faces, surrogates = group
    losses = {}
    for device in ("cpu", "cuda"):
        notes: list[dict[str, Any]] = []
        made = aiming(base, recognizer, notes, effort="good", device=device).synthesize(faces, surrogates)
        again = aiming(base, recognizer, effort="good", device=device).synthesize(faces, surrogates)
        assert np.array_equal(np.asarray(made.images[:]), np.asarray(again.images[:]))
        losses[device] = notes[0]["tries"][0]["aimed"]["loss"]
    assert losses["cuda"] < losses["cpu"] * 1.1


def test_who_is_watched_is_not_aimed_by_and_ends_a_stage(
    base: Context, recognizer: dict[str, RealRecognizer], group: tuple[FaceSet, Surrogates], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aim_module, "PATIENCE", 4)
    monkeypatch.setattr(aim_module, "PAYS", 0.9)  # no gain of any encoder is that large
    notes: list[dict[str, Any]] = []
    aiming(base, recognizer, notes, steps=30, tries=1, encoders={"sface": 1.0}, watch="dlib-resnet").synthesize(*group)
    assert len(notes[0]["tries"][0]["curve"]) < 20
    with pytest.raises(ValidationError, match="name another encoder"):
        StyleGanParams(aim="gradient", watch="sface")


def test_a_group_of_one_gets_a_face_or_the_start(
    base: Context, recognizer: dict[str, RealRecognizer], group: tuple[FaceSet, Surrogates]
) -> None:
    """The core refuses such a group; asked all the same, nothing is divided by its spread of zero."""
    faces, _ = group
    alone = faces.take([0])
    target = recognizer["sface"].encode(alone).vectors
    notes: list[dict[str, Any]] = []
    asked = Surrogates(alone.ids, target, np.zeros(1, np.int64), np.ones(1), "sface")
    made = aiming(base, recognizer, notes, steps=2, tries=1).synthesize(alone, asked)
    assert made.ids == ("a",) and len(notes) == 1
    assert all(np.isfinite(c) for tried in notes[0]["tries"] for c in tried["curve"])
    recognition = recognizer["sface"].recognize(FaceSet(("a",), np.asarray(made.images[:])))
    assert recognition.scores[0] > 0.6


def test_a_target_that_is_no_number_is_refused(group: tuple[FaceSet, Surrogates]) -> None:
    faces, surrogates = group
    with pytest.raises(ArtifactError, match="targets"):
        Surrogates(faces.ids, surrogates.targets * np.nan, surrogates.groups, surrogates.weights, "sface")


def test_moved_targets_are_not_undone_by_another_encoder(
    recognizer: dict[str, RealRecognizer], group: tuple[FaceSet, Surrogates]
) -> None:
    faces, surrogates = group
    inverse = np.zeros(3, np.int64)
    found, plain_means = group_targets(faces, surrogates, recognizer["sface"], recognizer, inverse)
    assert (set(found), plain_means) == (set(BOTH), True)
    moved = Surrogates(surrogates.ids, surrogates.targets + 0.05, surrogates.groups, surrogates.weights, "sface")
    found, plain_means = group_targets(faces, moved, recognizer["sface"], recognizer, inverse)
    assert (set(found), plain_means) == ({"sface"}, False)
    assert np.allclose(found["sface"].mean, moved.targets[:1])
    with pytest.raises(PluginError, match="moved away"):
        group_targets(faces, moved, recognizer["sface"], {"dlib-resnet": recognizer["dlib-resnet"]}, inverse)


class Blind(RealRecognizer):
    def as_torch(self) -> None:
        return None


def test_an_encoder_that_cannot_be_followed_is_refused(base: Context, recognizer: dict[str, RealRecognizer]) -> None:
    with pytest.raises(PluginError, match="cannot aim by 'sface'"):
        aiming(base, {**recognizer, "sface": Blind("sface", base)})


def test_without_torch_it_says_how_to_get_it(
    base: Context, recognizer: dict[str, RealRecognizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(PluginError, match=r"pip install torch.*"):
        aiming(base, recognizer)


def test_the_start_is_capped_and_knows_its_spaces() -> None:
    assert fit_start(("pixels",)) is None
    start = fit_start(("dlib-resnet", "sface"))
    assert start is not None
    rng = np.random.default_rng(0)
    targets = {space: rng.standard_normal((4, 128)).astype(np.float32) for space in start.spaces}
    points = start.points(targets, scale=50.0)
    assert np.allclose(np.sqrt((points**2).mean(axis=1)), 0.6, atol=1e-4)
    assert np.allclose(start.points({k: 3 * v for k, v in targets.items()}), start.points(targets), atol=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"effort": "most"},
        {"steps": 0},
        {"encoders": {}},
        {"encoders": {"sface": 0.0}},
        {"aim": "both"},
        {"tries": 0},
        {"candidates": 0},
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        StyleGanParams(**wrong)
