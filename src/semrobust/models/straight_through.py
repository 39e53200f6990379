"""Straight-through estimator (Bengio, Léonard, Courville 2013): one value forward, another's gradient backward."""

from __future__ import annotations

import torch


def straight_through(values: torch.Tensor, exact: torch.Tensor) -> torch.Tensor:
    """Return `exact` to the last bit, with the gradient of `values`: as if the step between them were the identity.

    For steps without a useful gradient: the nearest basis vector, hard bits on the air, rounding, JPEG. Both must have
    the same shape and floating dtype, else ValueError; `values` must be finite.
    """
    if exact.shape != values.shape or exact.dtype != values.dtype:
        raise ValueError(
            f"a straight-through step must keep shape and dtype, not turn {tuple(values.shape)} {values.dtype} into "
            f"{tuple(exact.shape)} {exact.dtype}"
        )
    # the bracket is exactly zero; values + (exact - values) would round
    return exact.detach() + (values - values.detach())
