"""SFSeg: consistent soft masks of a video by spectral filtering (SFSeg++ paper, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.spectral.sfseg.kernels import choose, open_filter
from spectrack.spectral.sfseg.settings import (
    NORM_EPS,
    PRESETS,
    Activation,
    SFSegSettings,
    first_activation,
    next_activation,
    no_activation,
)

__all__ = ["NORM_EPS", "PRESETS", "SFSegSettings", "scale_feature", "sfseg"]


def sfseg(
    soft_thw: Any,
    feature: Any | None = None,
    settings: SFSegSettings | str = "paper",
    kernel: str = "auto",
    fixed: Collection[int] = (),
) -> Any:
    """Filter the soft masks of a video towards the strongest cluster of its pixel graph.

    Args:
        soft_thw: Unary map S, (T, H, W), values in [0, 1] (clipped to it): a NumPy array or a torch
            tensor of any type. Never changed. On a GPU a float16 or bfloat16 tensor keeps all maps
            in its type; sums are float32 all the same.
        feature: Pairwise features F in [0, 1], (T, H, W) or (C, T, H, W); see
            :func:`scale_feature`. None leaves the pairwise term out.
        settings: The recipe, or the name of a preset: ``paper`` or ``published``.
        kernel: ``auto`` takes numba for arrays and CPU tensors with up to one feature channel,
            triton for CUDA tensors where it is installed and takes the recipe, torch for others.
            Where a gradient is wanted the differentiable form in torch is used whatever is named
            here.
        fixed: Frames whose masks are known: after every step their values are set to S again (a
            Dirichlet condition), so they come out as they went in and their neighbours feel them.
            ``volume`` then divides by the maximum in every step, since the known values have a
            scale of their own.

    Returns:
        float32 (T, H, W), an array for an array and a tensor for a tensor (float64 where a gradient
        is wanted from float64); compare it with ``settings.threshold``. In [0, 1], but below 0
        where negative links win (Taylor with alpha above 1, continuous). An S of zeros gives a
        constant result.

    Raises:
        InputError: Wrong shape, NaN or infinite values, features outside [0, 1], unknown preset,
            a fixed frame that does not exist.
    """
    recipe = resolve(settings)
    if _is_tensor(soft_thw) or _is_tensor(feature):
        return _filter_tensors(soft_thw, feature, recipe, kernel, fixed)
    soft = checked_soft(np.asarray(soft_thw))
    pairwise = None if feature is None else checked_feature(np.asarray(feature), soft)
    channels = 0 if pairwise is None else len(pairwise)
    held = checked_fixed(fixed, len(soft))
    return iterate(choose(kernel, recipe, channels), soft, pairwise, recipe, held)


def scale_feature(feature: Any, percentile: float = 99.0) -> NDArray[np.float32]:
    """Bring a pairwise feature of any range to [0, 1], as the affinities expect it.

    Divides by the given percentile of the whole video and clips; values below 0 are first moved up
    by the opposite percentile. Frames of a constant feature become 0.

    Args:
        feature: (T, H, W), for instance the magnitude of optical flow in pixels.
        percentile: What becomes 1, in percent; the rest above is clipped.

    Returns:
        float32 array of the same shape.

    Raises:
        InputError: NaN or infinite values, or a percentile outside (50, 100].
    """
    values = np.asarray(feature, dtype=np.float32)
    if not 50 < percentile <= 100:
        raise InputError(f"percentile is {percentile}; give a number above 50 and up to 100.")
    if values.size == 0 or not np.isfinite(values).all():
        raise InputError(
            "The feature is empty or holds NaN or infinite values; give finite numbers."
        )
    low = float(np.percentile(values, 100 - percentile)) if values.min() < 0 else 0.0
    high = float(np.percentile(values, percentile))
    if high <= low:
        high = float(values.max())
    span = high - low
    if span <= 0:
        return np.zeros_like(values)
    return np.clip((values - low) / span, 0, 1)


def iterate(
    kernel: str,
    soft: Any,
    feature: Any | None,
    settings: SFSegSettings,
    fixed: Collection[int] = (),
) -> Any:
    """The recipe over checked float32 data, with the kernel chosen; see :func:`sfseg`."""
    frames = soft.shape[0]
    guard = settings.guard()
    first, last = guard, max(guard, frames - guard)
    if kernel != "numba" and isinstance(soft, np.ndarray):
        import torch

        # Torch warns of arrays it may not write to, though it only reads these.
        tensors = [
            None if a is None else torch.from_numpy(a if a.flags.writeable else a.copy())
            for a in (soft, feature)
        ]
        return iterate(kernel, tensors[0], tensors[1], settings, fixed).numpy()
    volume = open_filter(kernel, soft, feature, settings)
    known = {t: soft[t] for t in fixed}

    def reset(activation: Activation) -> Activation:
        if not known:
            return activation
        volume.hold(activation, known)
        return no_activation(frames)

    activation = reset(first_activation(settings, frames))
    for iteration in range(settings.iterations):
        stats = volume.step(activation, first, last)
        activation = reset(next_activation(settings, stats, iteration, bool(known)))
    return volume.finish(activation)


def _filter_tensors(
    soft: Any, feature: Any, settings: SFSegSettings, kernel: str, fixed: Collection[int]
) -> Any:
    import torch

    soft = torch.as_tensor(soft)
    feature = None if feature is None else torch.as_tensor(feature, device=soft.device)
    wanted = [t for t in (soft, feature) if t is not None]
    if torch.is_grad_enabled() and any(t.requires_grad for t in wanted):
        from spectrack.spectral.sfseg.differentiable import sfseg_differentiable

        with torch.no_grad():
            _checked_tensors(soft, feature, half=False)
        held = checked_fixed(fixed, len(soft))
        soft, feature = (None if t is None else _at_least_float32(t) for t in (soft, feature))
        return sfseg_differentiable(soft, feature, settings, held)
    with torch.no_grad():
        channels = 0 if feature is None else (1 if feature.ndim == 3 else len(feature))
        chosen = choose(kernel, settings, channels, soft.device.type)
        if chosen == "numba":
            checked = checked_soft(_as_array(soft))
            pairwise = None
            if feature is not None:
                pairwise = checked_feature(_as_array(feature), checked)
            held = checked_fixed(fixed, len(checked))
            return torch.from_numpy(iterate(chosen, checked, pairwise, settings, held))
        kept, pairwise = _checked_tensors(soft, feature, chosen == "triton")
        return iterate(chosen, kept, pairwise, settings, checked_fixed(fixed, len(kept)))


def _checked_tensors(soft: Any, feature: Any, half: bool) -> tuple[Any, Any]:
    """S (T, H, W) and F (C, T, H, W), checked where they lie; ``half`` lets S keep half precision.

    What does not pass goes through the checks of arrays, which clip it or say what is wrong.
    """
    import torch

    def fits(values: Any, axes: int) -> bool:
        if values.ndim != axes or not values.numel() or values.is_complex():
            return False
        low, high = values.aminmax()
        return bool((low >= 0) & (high <= 1))  # a NaN fails the comparison, too

    kept = half and soft.dtype in (torch.float16, torch.bfloat16)
    kind = soft.dtype if kept else torch.float32
    checked = soft.to(kind)
    if not fits(soft, 3):
        checked = torch.from_numpy(checked_soft(_as_array(soft))).to(soft.device, kind)
    if feature is None:
        return checked, None
    pairwise = feature[None] if feature.ndim == 3 else feature
    if not fits(pairwise, 4) or pairwise.shape[1:] != checked.shape:
        found = checked_feature(_as_array(feature), checked.float().cpu().numpy())
        return checked, torch.from_numpy(found).to(soft.device)
    return checked, pairwise.to(kind if kept else torch.float32)


def _as_array(values: Any) -> NDArray[Any]:
    """A tensor as an array; NumPy knows no bfloat16, so small floats become float32."""
    values = values.detach()
    array: NDArray[Any] = (
        (_at_least_float32(values) if values.is_floating_point() else values).cpu().numpy()
    )
    return array


def _at_least_float32(values: Any) -> Any:
    """A tensor of floats, not of fewer digits than float32 has."""
    return values if values.is_floating_point() and values.element_size() >= 4 else values.float()


def resolve(settings: SFSegSettings | str) -> SFSegSettings:
    """The recipe itself, or the preset of that name."""
    if isinstance(settings, SFSegSettings):
        return settings
    if settings not in PRESETS:
        raise InputError(f"The preset '{settings}' is not known; give one of {', '.join(PRESETS)}.")
    return PRESETS[settings]


def _is_tensor(value: Any) -> bool:
    # Asked by name, so that arrays alone never cost the import of torch.
    return type(value).__module__.split(".")[0] == "torch"


def _check_numbers(values: NDArray[Any], what: str) -> None:
    if values.dtype.kind not in "biuf":
        raise InputError(f"The {what} is of type {values.dtype}; give numbers.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(
            f"The {what} holds NaN or infinite values; replace them, for instance by 0."
        )


def checked_soft(values: NDArray[Any]) -> NDArray[np.float32]:
    """S as float32 in [0, 1], C order; InputError where it cannot be."""
    if values.ndim != 3 or 0 in values.shape:
        raise InputError(
            f"The soft mask has shape {values.shape}; give (time, height, width), none of them 0."
        )
    _check_numbers(values, "soft mask")
    if values.dtype == np.uint8 and values.max() > 1:
        raise InputError(
            f"The soft mask holds bytes up to {values.max()}; divide by 255 to bring it to [0, 1]."
        )
    soft = np.ascontiguousarray(values, dtype=np.float32)
    if soft.min() < 0 or soft.max() > 1:
        soft = np.clip(soft, 0, 1)
    return soft


def checked_fixed(fixed: Collection[int], frames: int) -> list[int]:
    """Numbers of known frames, ascending; InputError where there is no such frame."""
    wrong = [t for t in fixed if not 0 <= t < frames]
    if wrong:
        raise InputError(
            f"Frame {wrong[0]} was said to be known; the video has frames 0 to {frames - 1}."
        )
    return sorted(set(fixed))


def checked_feature(values: NDArray[Any], soft: NDArray[np.float32]) -> NDArray[np.float32]:
    """F as float32 (C, T, H, W), C order; InputError where it does not fit S or [0, 1]."""
    if values.ndim == 3:
        values = values[None]
    if values.ndim != 4 or values.shape[1:] != soft.shape or len(values) == 0:
        raise InputError(
            f"The features have shape {values.shape} and the soft mask {soft.shape}; "
            "give features of the same time, height and width, channels first."
        )
    _check_numbers(values, "pairwise feature")
    feature = np.ascontiguousarray(values, dtype=np.float32)
    low, high = float(feature.min()), float(feature.max())
    if low < 0 or high > 1:
        raise InputError(
            f"The pairwise feature ranges from {low:.4g} to {high:.4g}, expected 0 to 1; "
            "bring it there with scale_feature."
        )
    return feature
