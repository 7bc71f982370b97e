"""Steps against the gradient of a recogniser, within a bound, one picture at a time so that no batch decides."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deidframe.contract import Context, FaceSet, PluginError, TorchEncoder, align, decode
from deidframe_cloaks.plugin import CloakParams, MomentumParams, PgdParams, TiDimParams, TipImParams

if TYPE_CHECKING:
    import torch

REACH = 2.5
"""A step is this many times the bound over the number of steps: with signs that change it still gets there."""
PATCH = 8
"""Side in pixels of what is compared where a picture is held to look natural."""
SIZES = (0.9, 1.1)
"""Of the face, where a step looks at it a little smaller or larger."""


class _Cloak:
    """What the four have in common.

    Args:
        params: against whom, and how much may change.
        context: a recogniser with the encoder that is fooled, and random numbers.
    """

    def __init__(self, params: CloakParams, context: Context) -> None:
        try:
            import torch
        except ImportError as error:
            raise PluginError(f"cloaks follow gradients by torch, which is not installed ({error})") from None
        self._torch, self._params, self._context = torch, params, context
        recognizer = context.recognizers.get(params.against)
        followed = recognizer.as_torch() if recognizer is not None else None
        if followed is None:
            raise PluginError(f"cloaks cannot be made against {params.against!r}: it has no network that torch can follow")
        self._encoder: TorchEncoder = followed

    def redact(self, faces: FaceSet) -> FaceSet:
        """Return faces of which no pixel changed by more than the bound."""
        images = np.empty((len(faces), *faces.size, 3), np.uint8)
        for row in range(len(faces)):
            picture = np.asarray(faces.images[row : row + 1])[0]
            marks = align.template(faces.size[0]) if faces.landmarks is None else faces.landmarks[row]
            images[row] = self._cloaked(picture, np.asarray(marks, np.float64))
        return FaceSet(faces.ids, images, faces.landmarks)

    def _cloaked(self, picture: NDArray[np.uint8], marks: NDArray[np.float64]) -> NDArray[np.uint8]:
        torch = self._torch
        clear = torch.from_numpy(np.array(picture.transpose(2, 0, 1)[None], np.float32))
        rng = self._context.rng(hashlib.sha256(picture.tobytes()).hexdigest())
        with torch.no_grad():
            own = torch.nn.functional.normalize(self._encoder.run(self._chip(clear, marks)), dim=1)
        # at the clear picture itself the cosine is at its top and has no slope
        start = torch.from_numpy(self._start(rng, clear.shape).astype(np.float32))
        shown = (clear + start).clamp(0, 255)
        carried = torch.zeros_like(clear)
        for _ in range(self._params.steps):
            shown, carried = self._stepped(shown.detach().requires_grad_(True), clear, own, carried, marks, rng)
        made = shown.detach().round().clamp(0, 255)[0].numpy().transpose(1, 2, 0)
        return np.ascontiguousarray(made).astype(np.uint8)

    def _stepped(
        self,
        shown: torch.Tensor,
        clear: torch.Tensor,
        own: torch.Tensor,
        carried: torch.Tensor,
        marks: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the picture a step further, and what is carried on to the next.

        Args:
            shown: the picture so far; clear: as it was; own: `(1, D)` its unit encoding; carried: from the steps before.
        """
        seen = self._encoder.run(self._chip(shown, self._looked_at(marks, rng)))
        alike = (self._torch.nn.functional.normalize(seen, dim=1) * own).sum()
        (slope,) = self._torch.autograd.grad(alike, shown)
        onward = self._carried(carried, slope)
        return self._moved(shown, clear, onward), onward

    def _moved(self, shown: torch.Tensor, clear: torch.Tensor, onward: torch.Tensor) -> torch.Tensor:
        """Return the picture moved against a slope by one step, within the bound around the clear one."""
        bound = self._params.epsilon
        with self._torch.no_grad():
            moved = shown - REACH * bound / self._params.steps * onward.sign()
            return self._torch.maximum(self._torch.minimum(moved, clear + bound), clear - bound).clamp(0, 255)

    def _chip(self, picture: torch.Tensor, marks: NDArray[np.float64]) -> torch.Tensor:
        """Return the face as the encoder wants it, `(1, 3, H, W)`, 0 to 255, so that gradients reach the picture."""
        functional, (high, wide) = self._torch.nn.functional, self._encoder.shape
        height, width = picture.shape[-2:]
        whole = np.linalg.inv(np.vstack([align.similarity(marks, self._encoder.template), [0, 0, 1]]))
        chip = np.array([[wide / 2, 0, wide / 2 - 0.5], [0, high / 2, high / 2 - 0.5], [0, 0, 1]])
        to_unit = np.array([[2 / width, 0, 1 / width - 1], [0, 2 / height, 1 / height - 1]])
        theta = self._torch.from_numpy((to_unit @ whole @ chip).astype(np.float32))[None]
        grid = functional.affine_grid(theta, [1, 3, high, wide], align_corners=False)
        chip_of: torch.Tensor = functional.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return chip_of

    def _start(self, rng: np.random.Generator, shape: Any) -> NDArray[np.float64]:
        """Return where to begin, from the clear picture: one grey level off, so that there is a slope."""
        return rng.choice((-1.0, 1.0), tuple(shape))

    def _looked_at(self, marks: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Return where the face is taken to be at this step."""
        return marks

    def _carried(self, before: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        """Return the direction of this step."""
        return slope


class Pgd(_Cloak):
    """Redactor `pgd`."""

    _params: PgdParams

    def _start(self, rng: np.random.Generator, shape: Any) -> NDArray[np.float64]:
        bound = self._params.epsilon
        return rng.uniform(-bound, bound, tuple(shape)) if self._params.random_start else super()._start(rng, shape)


class MiFgsm(_Cloak):
    """Redactor `mi-fgsm`."""

    _params: MomentumParams

    def _carried(self, before: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        return self._params.decay * before + slope / slope.abs().mean().clamp_min(1e-12)


class TipIm(MiFgsm):
    """Redactor `tip-im`: each step goes towards that one of some other people by whom most is gained.

    The other people are pictures of nobody that ship with the plugin, so that no one is looked like who did not agree to it.
    """

    _params: TipImParams

    def __init__(self, params: TipImParams, context: Context) -> None:
        super().__init__(params, context)
        torch = self._torch
        files = sorted(resources.files("deidframe_cloaks").joinpath("targets").iterdir(), key=lambda one: one.name)
        pictures = [decode(one.read_bytes()) for one in files if one.name.endswith(".jpg")][: params.targets]
        shown = [torch.from_numpy(np.array(one.transpose(2, 0, 1)[None], np.float32)) for one in pictures]
        marks = [align.template(one.shape[0]).astype(np.float64) for one in pictures]
        with torch.no_grad():
            seen = [self._encoder.run(self._chip(one, at)) for one, at in zip(shown, marks, strict=True)]
            self._targets = torch.nn.functional.normalize(torch.cat(seen), dim=1)

    def _stepped(
        self,
        shown: torch.Tensor,
        clear: torch.Tensor,
        own: torch.Tensor,
        carried: torch.Tensor,
        marks: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        torch, params = self._torch, self._params
        seen = torch.nn.functional.normalize(self._encoder.run(self._chip(shown, marks)), dim=1)
        (away,) = torch.autograd.grad((seen * own).sum(), shown, retain_graph=True)
        if params.gamma:
            (strange,) = torch.autograd.grad(params.gamma * self._strangeness(shown, clear), shown)
            away = away + strange
        tried = []
        for target in self._targets:
            (nearer,) = torch.autograd.grad((seen * target).sum(), shown, retain_graph=True)
            onward = self._carried(carried, away - nearer)
            moved = self._moved(shown, clear, onward)
            with torch.no_grad():
                tried.append((self._gain(moved, marks, own), moved, onward))
        _, moved, onward = max(tried, key=lambda one: one[0])
        return moved, onward

    def _gain(self, picture: torch.Tensor, marks: NDArray[np.float64], own: torch.Tensor) -> tuple[float, float]:
        """Return the paper's gain, log(1 + the sum of exp(lead, at least 0) over the targets), and the greatest lead, for ties.

        A target's lead is how much more the picture is like it than like the own face.
        """
        seen = self._torch.nn.functional.normalize(self._encoder.run(self._chip(picture, marks)), dim=1)
        ahead = seen @ self._targets.T - (seen * own).sum()
        return float(ahead.clamp_min(0).exp().sum().log1p()), float(ahead.max())

    def _strangeness(self, picture: torch.Tensor, clear: torch.Tensor) -> torch.Tensor:
        """Return the squared maximum mean discrepancy of the picture's patches from the clear one's, under a Gaussian kernel."""
        tools = self._torch
        patches = tools.nn.functional.unfold
        one, other = (patches(p / 255, PATCH, stride=PATCH)[0].T for p in (picture, clear))

        def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            alike: torch.Tensor = (tools.cdist(a, b).square() / -a.shape[1]).exp().mean()
            return alike

        return kernel(one, one) + kernel(other, other) - 2 * kernel(one, other)


class TiDim(MiFgsm):
    """Redactor `ti-dim`."""

    _params: TiDimParams

    def __init__(self, params: TiDimParams, context: Context) -> None:
        super().__init__(params, context)
        side = params.kernel | 1
        axis = np.arange(side) - side // 2
        bell = np.exp(-0.5 * (axis / (side / 4)) ** 2)
        kernel = np.outer(bell, bell) / bell.sum() ** 2
        self._kernel = self._torch.from_numpy(np.repeat(kernel[None, None], 3, axis=0).astype(np.float32))

    def _looked_at(self, marks: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        if rng.random() >= self._params.diversity:
            return marks
        centre = marks.mean(axis=0)
        return np.asarray((marks - centre) / rng.uniform(*SIZES) + centre + rng.normal(0, 2, 2))

    def _carried(self, before: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
        spread = self._torch.nn.functional.conv2d(slope, self._kernel, padding=self._kernel.shape[-1] // 2, groups=3)
        return super()._carried(before, spread)
