"""A codec as an attacker differentiates it: JPEG's transform with soft assignment in place of rounding.

    image -> Y'CbCr, chroma halved for 4:2:0 -> DCT of 8x8 blocks -> soft rounding in steps Δ -> back

Coefficients far below their step have next to no gradient, so noise made through it is noise that arrives; through the
identity most of it falls to frequencies that the codec drops. What stands for HEVC is the same with equal steps.
"""

from __future__ import annotations

import math

import torch

from semrobust.config.settings import LEVELS

_BLOCK = 8
_SPREAD = (2**-0.5, 1.0, 2**0.5)  # of the steps Δ
_REACH = 2  # levels to each side that soft rounding weighs

_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])  # JFIF
_RGB = torch.linalg.inv(_YCC.double()).float()


def _dct() -> torch.Tensor:
    """The orthonormal DCT-II as a matrix (8,8): coefficients = matrix @ samples."""
    rows, columns = torch.arange(_BLOCK)[:, None].double(), torch.arange(_BLOCK)[None].double()
    matrix = torch.cos(math.pi * (2 * columns + 1) * rows / (2 * _BLOCK)) * math.sqrt(2 / _BLOCK)
    matrix[0] /= math.sqrt(2)
    return matrix.float()


_DCT = _dct()


def soft_round(values: torch.Tensor, temperature: float) -> torch.Tensor:
    """Soft assignment to whole numbers: Σ_k softmax_k(-(x - k)²/T) k, over the nearest ones; rounds at T -> 0."""
    reach = torch.arange(-_REACH, _REACH + 1, dtype=values.dtype, device=values.device)
    near = values.detach().round()[..., None] + reach
    weights = torch.softmax(-(values[..., None] - near).square() / temperature, dim=-1)
    return (weights * near).sum(-1)


def soft_codec(images: torch.Tensor, steps: torch.Tensor, halved: bool, temperature: float) -> torch.Tensor:
    """What arrives of images (B,3,H,W) in [0,1], nearly, float32 and not cut to [0,1]; H and W multiples of 16.

    `steps` (B or 1, 2, 8, 8): Δ of luma and chroma in levels (`codecs.base.Codec.steps`); `halved`: chroma is 4:2:0.
    """
    planes = torch.einsum("ij,bjhw->bihw", _YCC.to(images), images) * LEVELS
    luma, chroma = planes[:, :1] - 128.0, planes[:, 1:]
    small = torch.nn.functional.avg_pool2d(chroma, 2) if halved else chroma
    luma = _coded(luma, steps[:, :1], temperature) + 128.0
    small = _coded(small, steps[:, 1:], temperature)
    size = images.shape[-2:]
    chroma = torch.nn.functional.interpolate(small, size, mode="bilinear") if halved else small
    return torch.einsum("ij,bjhw->bihw", _RGB.to(images), torch.cat([luma, chroma], 1)) / LEVELS


def expected_codec(images: torch.Tensor, steps: torch.Tensor, halved: bool, temperature: float) -> torch.Tensor:
    """Mean of `soft_codec` over steps up to half an octave apart (expectation over transformation).

    Noise must not fit to one place of the thresholds: it moves the coefficients, and an encoder rounds as it likes.
    """
    return torch.stack([soft_codec(images, by * steps, halved, temperature) for by in _SPREAD]).mean(0)


def _coded(planes: torch.Tensor, steps: torch.Tensor, temperature: float) -> torch.Tensor:
    """Planes (B,C,H,W) after soft rounding of their coefficients in `steps` (B or 1, 1, 8, 8)."""
    matrix = _DCT.to(planes)
    count, colours, height, width = planes.shape
    blocks = planes.reshape(count, colours, height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).transpose(3, 4)
    coefficients = matrix @ blocks @ matrix.T
    step = steps[:, :, None, None].to(planes)
    back = matrix.T @ (soft_round(coefficients / step, temperature) * step) @ matrix
    return back.transpose(3, 4).reshape(planes.shape)
