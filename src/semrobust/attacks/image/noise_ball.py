"""The set that semantic noise lives in: a ball around each image, cut by [0,1], with and without 8-bit storage.

Noise is flattened per image for norms. Clean 8-bit images are k/255, so a norm in levels is 255 times the norm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from semrobust.errors import DataError
from semrobust.systems.draw import Randomness

Norm = Literal["linf", "l2"]

LEVELS = 255
_ROUNDING = 1e-9  # relative; 255 ε of ε = k/255 may miss k by the rounding of a double, which must not cost a level
_MARGIN = 2.0**-22  # relative; how far inside a projection ends, so that float32 rounding cannot leave the ball


def levels(images: torch.Tensor) -> torch.Tensor:
    """8-bit values 0..255, int64, of images in [0,1] that hold multiples of 1/255; others raise DataError."""
    scaled = images.double() * LEVELS
    whole = scaled.round()
    if bool(((scaled - whole).abs() > 1e-3).any()) or bool(((whole < 0) | (whole > LEVELS)).any()):
        raise DataError(
            "images are not 8-bit values k/255 in [0,1]. Quantize them first: (images * 255).round() / 255."
        )
    return whole.to(torch.int64)


@dataclass(frozen=True)
class Ball:
    """Noise Δ with ||Δ||_p <= `epsilon` (pixels in [0,1]), p = ∞ for `norm` "linf" and 2 for "l2" (hu2022, eq. 4).

    All methods work image by image on floating-point tensors (B, ...): a result does not depend on the batch.
    """

    norm: Norm
    epsilon: float

    def size(self, noise: torch.Tensor) -> torch.Tensor:
        """||Δ||_p per image (B,), float64."""
        flat = noise.flatten(1).double()
        return flat.abs().amax(1) if self.norm == "linf" else flat.norm(dim=1)

    def direction(self, gradient: torch.Tensor) -> torch.Tensor:
        """Steepest ascent of length 1 in the norm: sign(g), or g/||g||₂ (hu2022, eqs. 5-6); 0 where g is 0."""
        if self.norm == "linf":
            return gradient.sign()
        # in double, since squares of float32 gradients may underflow
        flat = gradient.flatten(1).double()
        length = flat.norm(dim=1, keepdim=True)
        return (flat / torch.where(length > 0, length, 1.0)).to(gradient.dtype).view_as(gradient)

    def project(self, noise: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
        """Π: the noise nearest to `noise` (Euclidean) within the ball and with `clean` + noise in [0,1].

        Noise that is inside already comes back unchanged. A projection ends up to 2.4e-7 ε inside the l2 ball.
        """
        boxed = noise.clamp(-clean, 1 - clean)
        if self.norm == "linf":
            return boxed.clamp(-self.epsilon, self.epsilon)
        outside = self.size(boxed) > self.epsilon
        if not bool(outside.any()):
            return boxed
        rows = outside.nonzero().squeeze(1)
        return boxed.index_copy(0, rows, self._reach(noise[rows], clean[rows]))

    def surface(self, noise: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
        """`noise` scaled and cut to [0,1] such that its norm is ε, or as large as [0,1] allows; 0 stays 0."""
        if self.norm == "l2":
            return self._reach(noise, clean)
        largest = noise.flatten(1).abs().amax(1).clamp(min=torch.finfo(noise.dtype).tiny)
        scaled = noise * (self.epsilon / largest).view(-1, *[1] * (noise.dim() - 1))
        return self.project(scaled, clean)

    def _reach(self, noise: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
        """clip(t·noise) to the room that [0,1] leaves, with t such that the l2 norm is ε.

        Both the projection (t < 1) and the surface point have this form, by the conditions of Karush, Kuhn and
        Tucker. Pixels reach their room in the order of room/|noise|; t is found between two of these factors.
        """
        flat, start = noise.flatten(1).double(), clean.flatten(1).double()
        size = flat.abs()
        room = torch.where(flat > 0, 1 - start, start) * (size > 0)
        factor = torch.where(size > 0, room / size, 0.0)
        order = factor.argsort(dim=1, stable=True)
        ranked = factor.gather(1, order)
        full = room.square().gather(1, order).cumsum(1)  # energy of the pixels up to here, at their room
        free = size.square().gather(1, order).flip(1).cumsum(1).flip(1)  # energy from here on at t = 1
        reached = full + ranked.square() * torch.cat([free[:, 1:], torch.zeros_like(free[:, :1])], 1)
        target = (self.epsilon * (1 - _MARGIN)) ** 2
        count = (reached < target).sum(1, keepdim=True)
        last = count.clamp(max=flat.shape[1] - 1)
        before = torch.where(count > 0, full.gather(1, (count - 1).clamp(min=0)), 0.0)
        rest = free.gather(1, last)
        scale = ((target - before).clamp(min=0) / torch.where(rest > 0, rest, 1.0)).sqrt()
        scale = torch.where(count > last, ranked[:, -1:], scale)
        return (flat.sign() * torch.minimum(scale * size, room)).to(noise.dtype).view_as(noise)

    def start(self, clean: torch.Tensor, draw: Randomness) -> torch.Tensor:
        """Random start: uniform in the ball, then cut to [0,1]."""
        shape = clean.shape[1:]
        if self.norm == "linf":
            noise = self.epsilon * (2 * draw.uniform(*shape).to(clean) - 1)
        else:
            radius = draw.named("radius").uniform(1).to(clean) ** (1 / shape.numel()) * self.epsilon
            noise = self.direction(draw.normal(*shape).to(clean)) * radius.view(-1, *[1] * len(shape))
        return self.project(noise, clean)

    def random(self, clean: torch.Tensor, draw: Randomness) -> torch.Tensor:
        """Noise of the full budget that knows no classifier: ±ε with random signs, or an isotropic direction.

        Pixels at 0 or 1 cannot follow outwards; for l2 the others make up for them.
        """
        noise = draw.normal(*clean.shape[1:]).to(clean)
        return self.surface(torch.where(noise < 0, -1.0, 1.0) if self.norm == "linf" else noise, clean)

    def shift(self, clean: torch.Tensor) -> torch.Tensor:
        """Noise of the full budget that is the same on all pixels of a colour, towards the side with more room."""
        means = clean.mean(dim=(-2, -1), keepdim=True)
        return self.surface(torch.where(means < 0.5, 1.0, -1.0).to(clean).expand_as(clean), clean)

    def store(self, noise: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
        """Images `clean` + noise (B, ...) as 8-bit values q/255, whose noise (q - k)/255 is inside the ball exactly.

        Noise outside is projected first. For linf: the nearest level within ⌊255 ε⌋ of k. For l2: every pixel is
        rounded towards the clean one, then those with the largest remainders away from it, as long as the sum of
        squares exceeds neither ε² nor that of the noise itself (rounded up to whole squares): nearest rounding
        would leave the ball, or erase noise that is small in every pixel. Stored images come back unchanged.
        Raises DataError if `clean` does not hold 8-bit values.
        """
        origin = levels(clean).flatten(1)
        if self.norm == "linf":
            limit = math.floor(LEVELS * self.epsilon * (1 + _ROUNDING))
            moved = (LEVELS * noise.flatten(1).double()).round().clamp(-limit, limit).to(torch.int64)
        else:
            moved = self._moved_l2(noise, clean, origin)
        return ((origin + moved).clamp(0, LEVELS).to(clean.dtype) / LEVELS).view_as(clean)

    def _moved_l2(self, noise: torch.Tensor, clean: torch.Tensor, origin: torch.Tensor) -> torch.Tensor:
        """Whole levels (B, pixels), int64, that l2 noise moves each pixel by."""
        limit = math.floor((LEVELS * self.epsilon) ** 2 * (1 + _ROUNDING))
        given = LEVELS * noise.flatten(1).double()
        near = given.round()
        inside = (near.square().sum(1) <= limit) & ((near + origin).clamp(0, LEVELS) == near + origin).all(1)
        stored = inside & ((given - near).abs() < 1e-3).all(1)
        wanted = LEVELS * self.project(noise, clean).flatten(1).double()
        size = torch.minimum(wanted.abs(), torch.where(wanted > 0, LEVELS - origin, origin))
        down = size.floor()
        remainder, order = (size - down).sort(dim=1, descending=True, stable=True)
        left = size.square().sum(1).ceil().clamp(max=limit) - down.square().sum(1)
        up = ((2 * down + 1).gather(1, order).cumsum(1) <= left[:, None]) & (remainder > 0)
        rounded = wanted.sign() * (down + torch.zeros_like(down).scatter(1, order, up.double()))
        return torch.where(stored[:, None], near, rounded).to(torch.int64)
