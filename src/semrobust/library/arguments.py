"""Arguments that functions of the library share, checked: images, SNRs, the transceiver itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import cast

import torch

from semrobust.codecs.base import Size
from semrobust.config.settings import Task
from semrobust.errors import UsageError
from semrobust.library.transceiver import Transceiver
from semrobust.measure.vectors import at
from semrobust.systems.base import System

LEAST_SIDE = 8
"""Of images: smaller ones have no structural similarity."""


def transceiver(given: object) -> System:
    """A system that reconstructs images; raises UsageError with what to do about anything else."""
    if not isinstance(given, System):
        raise UsageError(
            f"a {type(given).__name__} is no transceiver: wrap the two ends of yours as semrobust.Transceiver(encoder, "
            'decoder, real_uses=N), or take one of semrobust.load("deepjscc") and semrobust.chain("hevc")'
        )
    sends_images(given.name or given.settings.kind, given.task)
    return given


def sends_images(name: str, task: Task) -> None:
    """Raise UsageError for a system that reconstructs something else, or nothing."""
    if task == "class":
        raise UsageError(
            f"{name!r} reconstructs no images: it names their class. Ask semrobust.classify, and attack it by "
            "semrobust.semantic_noise"
        )
    if task != "image":
        what = "sends channel states" if task == "csi" else "is a part of one that names their class"
        raise UsageError(f"{name!r} reconstructs no images: it {what}. A run measures it, as its tables show")


def images(given: torch.Tensor) -> torch.Tensor:
    """Images (B,C,H,W) as float32 on the CPU; raises UsageError with what to do about anything else."""
    if not isinstance(given, torch.Tensor):
        raise UsageError(f"images: {type(given).__name__}, must be a torch tensor (B, C, H, W); see torch.from_numpy")
    if given.ndim != 4 or not given.numel() or min(given.shape[2:]) < LEAST_SIDE:
        raise UsageError(
            f"images of shape {tuple(given.shape)}: must be (B, C, H, W), at least one image of at least "
            f"{LEAST_SIDE}x{LEAST_SIDE} pixels; images[None] makes a batch of one image"
        )
    if not given.is_floating_point():
        raise UsageError(f"images of {given.dtype}: must be float in [0,1]; divide 8-bit values by 255")
    found = given.detach().float().cpu()
    low, high = (float(end) for end in found.aminmax())
    if not (low >= 0 and high <= 1):
        raise UsageError(f"images with values from {low:.3g} to {high:.3g}: must be in [0,1]")
    return found


def snr_db(given: float | Sequence[float]) -> float | tuple[float, ...]:
    """One SNR per real channel use in dB, or several as they were asked for; raises UsageError for anything else."""
    try:
        asked = tuple(_db(value) for value in given) if isinstance(given, Iterable) else _db(given)
    except (TypeError, ValueError):
        asked = ()
    found = each(asked)
    if not found or not all(abs(value) <= 100 for value in found):  # NaN is not
        raise UsageError(f"snr_db: {given!r}, must be a number of dB from -100 to 100, or several")
    if len(set(map(at, found))) < len(found):
        raise UsageError(f"snr_db: {given!r}, names an SNR twice")
    return asked


def _db(given: object) -> float:
    if isinstance(given, str | bool):  # neither text that nobody read as a number, nor a switch
        raise TypeError
    return float(cast(float, given))


def one_snr_db(given: float) -> float:
    """As `snr_db`, of one."""
    asked = snr_db(given)
    if isinstance(asked, tuple):
        raise UsageError(f"snr_db: {given!r}, must be one number of dB here")
    return asked


def labels(given: torch.Tensor, count: int, classes: int) -> torch.Tensor:
    """The classes of `count` images, int64 on the CPU; raises UsageError for anything else."""
    if not isinstance(given, torch.Tensor) or given.shape != (count,) or _is_no_class(given):
        what = f"{given.dtype} {tuple(given.shape)}" if isinstance(given, torch.Tensor) else type(given).__name__
        raise UsageError(f"labels: {what}, must be whole numbers ({count},), one for each image")
    found = given.detach().long().cpu()
    if not bool(((found >= 0) & (found < classes)).all()):
        raise UsageError(f"labels from {int(found.min())} to {int(found.max())}: must be from 0 to {classes - 1}")
    return found


def _is_no_class(given: torch.Tensor) -> bool:
    return given.is_floating_point() or given.is_complex() or given.dtype == torch.bool


def each(asked: float | tuple[float, ...]) -> list[float]:
    """One or several SNRs as a list."""
    return list(asked) if isinstance(asked, tuple) else [asked]


def psnr_db(given: float) -> float:
    """The PSNR at which an attack succeeds; raises UsageError for one that no image or every image has."""
    try:
        asked = _db(given)
    except (TypeError, ValueError):
        asked = math.nan
    if not 0 < asked < 60:
        raise UsageError(f"success_psnr_db: {given!r}, must be a number above 0 and below 60 dB")
    return asked


def whole(name: str, given: int | None, default: int, least: int = 1) -> int:
    """A whole number, or the default for None; raises UsageError for anything else."""
    if given is None:
        return default
    if isinstance(given, bool) or not isinstance(given, int) or given < least:
        raise UsageError(f"{name}: {given!r}, must be a whole number of at least {least}")
    return given


def text(name: str, given: str) -> str:
    """A name; raises UsageError for anything else."""
    if not isinstance(given, str):
        raise UsageError(f"{name}: {given!r}, must be a name, not a {type(given).__name__}")
    return given


def size(given: Size) -> Size:
    """Height and width of images in pixels; raises UsageError for anything else."""
    sides = given if isinstance(given, Sequence) else ()
    if len(sides) != 2 or not all(type(side) is int and side >= LEAST_SIDE for side in sides):
        raise UsageError(f"size: {given!r}, must be (height, width) in pixels, at least {LEAST_SIDE} each")
    return sides[0], sides[1]


def checked(system: System, pictures: torch.Tensor, snr_db: float, gradient: bool) -> None:
    """Try a foreign transceiver first; ours have their tests."""
    if isinstance(system, Transceiver):
        system.check(pictures, snr_db, gradient)
