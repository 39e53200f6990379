"""Anyone's transceiver as a system: two modules or functions, wrapped, and what they must keep, checked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch

from semrobust.config.settings import SystemSettings
from semrobust.errors import ResultError, UsageError
from semrobust.phy.power import as_complex, as_real, normalize_power
from semrobust.systems.base import Decoded, Sent, System

Coder = Callable[..., torch.Tensor]
"""A module or a function from tensor to tensor."""

_SLACK = 1e-4
"""How far a value may lie outside [0,1]: numbers of 16 bits are rounded by more than those of 32."""


@dataclass(frozen=True)
class _Form:
    """What one image is: its own shape, and that of what the encoder makes of it."""

    image: torch.Size
    symbols: torch.Size
    dtype: torch.dtype


class Transceiver(System[SystemSettings]):
    """An encoder and a decoder with N = `real_uses` real channel uses between them.

    `encoder` maps images (B,C,H,W), float32 in [0,1], to what is sent: any real tensor with N values per image, such as
    (B,N) or feature maps (B,c,h,w), or a complex one with N/2 symbols. Its power must be ||z||² = N per image, that is
    1 per real use and 2 per complex symbol; `normalize=True` scales each image's codeword to it.
    `decoder` gets the same shape and type back, with noise of variance 10^(-snr_db/10) per real use (twice that per
    complex symbol), and maps it to images (B,C,H,W) in [0,1]. Attacks that follow gradients differentiate through it.

    Args:
        encoder, decoder: modules or functions; they stay on their device. Put modules into `eval()`.
        real_uses: the number N.
        name: what tables and messages call it.
        normalize: scale what the encoder gives to ||z||² = N.
        decoder_knows: what the decoder takes as its second argument, a float: "noise_variance" σ² per real use, or
            "snr_db"; None = nothing. An encoder that adapts to the SNR is a transceiver for each SNR.

    Inputs and outputs are checked each time, `check` tries the rest. Raises UsageError for arguments that cannot be.

    >>> import semrobust, torch
    >>> from torch import nn
    >>> encoder = nn.Sequential(nn.Conv2d(3, 12, 4, stride=4), nn.Flatten())
    >>> decoder = nn.Sequential(nn.Unflatten(1, (12, 8, 8)), nn.ConvTranspose2d(12, 3, 4, stride=4), nn.Sigmoid())
    >>> mine = semrobust.Transceiver(encoder, decoder, real_uses=768, normalize=True)
    >>> mine.check(torch.rand(2, 3, 32, 32))
    """

    side = "semantic"
    capabilities = frozenset({"gradient"})
    power_remedy = (
        "scale them in the encoder, or let Transceiver(..., normalize=True) do it. Complex symbols of power 1 have N/2"
    )

    def __init__(
        self,
        encoder: Coder,
        decoder: Coder,
        *,
        real_uses: int,
        name: str = "transceiver",
        normalize: bool = False,
        decoder_knows: Literal["noise_variance", "snr_db"] | None = None,
    ) -> None:
        if not isinstance(name, str):
            raise UsageError(f"name: {name!r}, must be text")
        for what, coder in (("encoder", encoder), ("decoder", decoder)):
            if not callable(coder):
                raise UsageError(f"{what}: {type(coder).__name__}, must be a module or a function")
        if isinstance(real_uses, bool) or not isinstance(real_uses, int) or real_uses < 1:
            raise UsageError(f"real_uses: {real_uses!r}, must be the number N of real channel uses per image")
        if decoder_knows not in (None, "noise_variance", "snr_db"):
            raise UsageError(f"decoder_knows: {decoder_knows!r}, must be 'noise_variance', 'snr_db' or None")
        super().__init__(SystemSettings(kind="transceiver", label=name or "transceiver"), real_uses)
        self.name, self.encoder, self.decoder = name, encoder, decoder
        self.normalize, self.decoder_knows = normalize, decoder_knows
        self._form: _Form | None = None

    def encode(self, images: torch.Tensor) -> Sent:
        with torch.no_grad():
            symbols = self.encoder(images.to(device_of(self.encoder)).clone())  # layers may work in place
        self._form = self._formed(images, symbols)
        flat = symbols.flatten(1)
        codewords = (as_real(flat) if flat.is_complex() else flat).detach().float().cpu()
        if not codewords.isfinite().all():
            raise ResultError(f"the encoder of {self.name} gives values that are not finite")
        if self.normalize:
            codewords = normalize_power(codewords)
        return Sent(codewords, torch.ones(len(images), dtype=torch.bool))

    def _formed(self, images: torch.Tensor, symbols: object) -> _Form:
        """The form of what was sent, checked."""
        which = f"the encoder of {self.name}"
        if not isinstance(symbols, torch.Tensor):
            raise ResultError(f"{which} returns {type(symbols).__name__}: must be one tensor")
        shape, is_complex = tuple(symbols.shape), symbols.is_complex()
        if not (is_complex or symbols.is_floating_point()):
            raise ResultError(f"{which} returns {symbols.dtype}: must be real or complex numbers")
        found = math.prod(shape[1:]) * (2 if is_complex else 1)
        if len(shape) < 2 or shape[0] != len(images) or found != self.real_uses:
            kind = "complex symbols, which are 2 real uses each" if is_complex else "real values"
            raise ResultError(
                f"{which} makes {shape} {kind} of {len(images)} images: must be N = real_uses = {self.real_uses} real "
                "values for each"
            )
        return _Form(images.shape[1:], symbols.shape[1:], symbols.dtype)

    def decode(self, received: torch.Tensor, noise_variance: float) -> Decoded:
        with torch.no_grad():
            images = self.decode_differentiably(received, noise_variance)
        return Decoded(images, torch.zeros(len(images), dtype=torch.bool))

    def decode_differentiably(self, received: torch.Tensor, noise_variance: float) -> torch.Tensor:
        form, symbols = self._form, received.to(device_of(self.decoder))
        if form is None:
            raise UsageError(f"{self.name} has sent nothing yet: encode images before anything is decoded")
        symbols = (as_complex(symbols) if form.dtype.is_complex else symbols).reshape(-1, *form.symbols)
        known = {"noise_variance": noise_variance, "snr_db": -10.0 * math.log10(noise_variance)}
        told = [known[self.decoder_knows]] if self.decoder_knows else []
        shown = self.decoder(symbols.to(form.dtype).clone(), *told)
        which = f"the decoder of {self.name}"
        if not isinstance(shown, torch.Tensor) or shown.shape != (len(received), *form.image):
            found = tuple(shown.shape) if isinstance(shown, torch.Tensor) else type(shown).__name__
            raise ResultError(f"{which} returns {found}: must be images of shape {(len(received), *form.image)}")
        if not shown.is_floating_point():
            raise ResultError(f"{which} returns {shown.dtype}: must be real numbers")
        shown = shown.float().cpu()
        low, high = (float(end) for end in shown.detach().aminmax()) if len(shown) else (0.0, 1.0)
        if not (low >= -_SLACK and high <= 1 + _SLACK):  # NaN is neither
            raise ResultError(
                f"{which} gives values from {low:.3g} to {high:.3g}: images must be in [0,1]. End it with a sigmoid, "
                "or with .clamp(0, 1), beyond which gradients vanish"
            )
        return shown

    def check(self, images: torch.Tensor, snr_db: float = 10.0, gradient: bool = True) -> None:
        """Try on two images what cannot be seen from one pass; `attack` and `evaluate` do so first.

        Shapes, power and range; the same result a second time, and for an image alone; with `gradient`, that the
        reconstruction has one back to what is received. Raises ResultError with the reason.
        """
        for what, coder in (("encoder", self.encoder), ("decoder", self.decoder)):
            if drawing := drawing_layer(coder):
                raise ResultError(f"the {what} of {self.name} has {drawing} in training mode: call {what}.eval() first")
        two = images[:2]
        variance = 10.0 ** (-snr_db / 10.0)
        sent = self.send(two).codewords
        shown = self.decode(sent, variance).images
        self._equal("encoder", sent, self.encode(two).codewords, "a second time")
        self._equal("decoder", shown, self.decode(sent, variance).images, "a second time")
        if len(two) > 1:
            self._equal("encoder", sent[:1], self.encode(two[:1]).codewords, "alone")
            self._equal("decoder", shown[:1], self.decode(sent[:1], variance).images, "alone")
        if gradient:
            received = sent[:1].clone().requires_grad_(True)
            if not self.decode_differentiably(received, variance).requires_grad:
                raise ResultError(
                    f"the decoder of {self.name} has no gradient: no_grad, detach, rounding or NumPy in it cuts the "
                    "way from the reconstruction to what is received. Attacks that need none: random, pulse_jamming"
                )

    def _equal(self, what: str, one: torch.Tensor, other: torch.Tensor, how: str) -> None:
        if not torch.allclose(one, other, rtol=1e-3, atol=1e-3):
            raise ResultError(
                f"the {what} of {self.name} makes something else of the same input {how}, by up to "
                f"{float((one - other).abs().max()):.3g}: dropout, batch norm in training mode, or randomness of its "
                f"own. Call {what}.eval(), or fix what it draws"
            )


def _module(coder: Any) -> torch.nn.Module | None:
    """The module behind a coder, which may be a method of one."""
    owner = getattr(coder, "__self__", coder)
    return owner if isinstance(owner, torch.nn.Module) else None


def device_of(coder: Any) -> torch.device:
    """Where a module's numbers are; the CPU for what has none."""
    module = _module(coder)
    tensors = () if module is None else (*module.parameters(), *module.buffers())
    return next((tensor.device for tensor in tensors), torch.device("cpu"))


def drawing_layer(coder: Any) -> str | None:
    """Name of a layer whose results depend on luck or on the batch as long as it trains."""
    kinds = (torch.nn.modules.dropout._DropoutNd, torch.nn.modules.batchnorm._BatchNorm)
    module = _module(coder)
    layers = () if module is None else module.modules()
    return next((type(layer).__name__ for layer in layers if layer.training and isinstance(layer, kinds)), None)
