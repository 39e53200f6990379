"""Adversarial training with weight perturbation (hu2022, eqs. 8-9; Wu, Xia, Wang 2020): calc, perturb, restore.

    batch = adversarial_batch(classify, images, labels, settings, draw)   # Δ at Θ, clean samples stay in
    v = perturbation(loss(batch), weights(module), gamma)                 # one ascent step, at Θ
    with perturbed(weights(module), v):
        loss(batch).backward()                                            # gradient at Θ + v
    optimizer.step()                                                      # on Θ, restored to the last bit

`adversarial_batch` is in `attacks.image.semantic_noise`. The passes for Δ and v are for measuring: run them under
`attacks.image.classifier.evaluating(module)` if the forward pass in training mode has side effects. Under autocast all
of this may share one region; the float32 weights are what is perturbed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from semrobust.errors import TrainingError

Weights = Mapping[str, torch.nn.Parameter]
"""The parameters that are perturbed, by name; each counts as one layer."""

Perturbation = Mapping[str, torch.Tensor]
"""v by the same names, of the same shapes and dtypes."""


def weights(module: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The parameters that take part: trainable, with more than one dimension, and "weight" in their own name.

    This follows the code of Wu, Xia, Wang 2020. It leaves out biases and the scales of norms, and also bare parameters
    such as positional embeddings, mask tokens and codebooks. Shared parameters come once.
    """
    return {
        name: parameter
        for name, parameter in module.named_parameters()
        if parameter.requires_grad and parameter.dim() > 1 and "weight" in name.rpartition(".")[2]
    }


def perturbation(loss: torch.Tensor, weights: Weights, gamma: float) -> dict[str, torch.Tensor]:
    """v after one ascent step: v_l = γ ||Θ_l|| g_l / ||g_l|| for each layer l, Frobenius norms (Wu, Xia, Wang 2020).

    `loss` () is the mean loss on the (partly noisy) batch at Θ; its graph is used up, `.grad` fields stay as they are.
    A factor on the loss changes nothing. v_l is 0 where the gradient is 0, where the loss does not depend on the
    layer, and where Θ_l is 0, since the bound γ||Θ_l|| is 0 there. Raises TrainingError if the loss or a gradient
    is not finite, ValueError for a γ that is negative or not finite.
    """
    if not 0 <= gamma < math.inf:
        raise ValueError(f"gamma must be finite and at least 0, not {gamma}")
    if not bool(loss.isfinite()):
        raise TrainingError(
            f"the loss that the weights are perturbed for is {float(loss.detach()):g}. Nothing was changed. "
            "Lower the learning rate or gamma, then run again."
        )
    gradients = torch.autograd.grad(loss, list(weights.values()), materialize_grads=True)
    result = {}
    for (name, parameter), gradient in zip(weights.items(), gradients, strict=True):
        # in double, since squares of float32 gradients may underflow
        direction = gradient.double()
        length = direction.norm()
        if not bool(length.isfinite()):
            raise TrainingError(
                f"the gradient of '{name}', which the weights are perturbed along, is not finite. Nothing was changed. "
                "Lower the learning rate or gamma, then run again."
            )
        bound = gamma * parameter.detach().double().norm()
        result[name] = (direction * (bound / torch.where(length > 0, length, 1.0))).to(parameter.dtype)
    return result


@dataclass(frozen=True)
class Saved:
    """What `restore` needs: copies of Θ by name, and the version of each parameter while it is perturbed."""

    copies: Mapping[str, torch.Tensor]
    versions: Mapping[str, int]


def perturb(weights: Weights, v: Perturbation) -> Saved:
    """Θ <- Θ + v in place; returns what `restore` needs. Raises ValueError if `v` has other names or shapes."""
    wrong = sorted(weights.keys() ^ v.keys()) or [name for name in weights if weights[name].shape != v[name].shape]
    if wrong:
        raise ValueError(f"weights and perturbation differ in {', '.join(wrong)}")
    copies = {name: parameter.detach().clone() for name, parameter in weights.items()}
    _write(weights, {name: copies[name] + v[name] for name in weights})
    return Saved(copies, {name: parameter._version for name, parameter in weights.items()})


def restore(weights: Weights, saved: Saved) -> None:
    """Θ from the copies, equal to the last bit: subtracting v would round.

    Raises RuntimeError, after restoring, if the weights were written to since `perturb`, for example by an optimizer
    step, which is then lost.
    """
    written = [name for name, parameter in weights.items() if parameter._version != saved.versions[name]]
    _write(weights, saved.copies)
    if written:
        raise RuntimeError(
            f"{', '.join(written)} changed while perturbed, and the change is lost: step the optimizer after restoring"
        )


@contextmanager
def perturbed(weights: Weights, v: Perturbation) -> Iterator[None]:
    """Θ + v inside the block, Θ after it, also after an exception. Call `backward` inside, the optimizer after."""
    saved = perturb(weights, v)
    try:
        yield
    except BaseException:
        _write(weights, saved.copies)  # without the check of `restore`, which would hide the exception
        raise
    restore(weights, saved)


def _write(weights: Weights, values: Perturbation) -> None:
    with torch.no_grad():
        for name, parameter in weights.items():
            parameter.copy_(values[name])
    torch.clear_autocast_cache()  # it holds casts of the weights as they were
