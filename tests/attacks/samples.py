"""Receivers whose distortion is known in closed form, and small real systems on photo patches."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from semrobust.attacks.base import Attack, Target
from semrobust.core import params, seeds
from semrobust.core.registry import ATTACKS
from semrobust.core.settings import SystemSettings
from semrobust.data.photos import PHOTOS, corners, read_photo
from semrobust.systems.base import Decoded, Sent, State, System
from semrobust.systems.deepjscc import DeepJSCCSettings, DeepJSCCSystem
from semrobust.systems.jpeg_ldpc import JpegLdpcSettings, JpegLdpcSystem

REPOSITORY = Path(__file__).parents[2]
PARAMS = params.load([REPOSITORY / "params.yaml"])
PIXELS = 3 * 32 * 32
TOY = SystemSettings(kind="toy", label="toy")


class Diagonal(System):
    """A linear receiver without clipping: value i of the image is 0.5 + gain_i · received_i, all others are 0.5.

    Every step is element by element, so a result cannot depend on the batch.
    """

    side: ClassVar[str] = "semantic"
    capabilities: ClassVar[frozenset[str]] = frozenset({"gradient"})

    def __init__(self, gains: torch.Tensor) -> None:
        super().__init__(TOY, len(gains))
        self.gains = gains

    def state(self) -> State:
        return {"gains": self.gains}

    def encode(self, images: torch.Tensor) -> Sent:
        codewords = (images.flatten(1)[:, : self.real_uses] - 0.5) / self.gains
        return Sent(codewords, torch.ones(len(images), dtype=torch.bool))

    def decode(self, received: torch.Tensor, noise_variance: float) -> Decoded:
        shown = self.decode_differentiably(received, noise_variance).detach()
        return Decoded(shown, torch.zeros(len(received), dtype=torch.bool))

    def decode_differentiably(self, received: torch.Tensor, noise_variance: float) -> torch.Tensor:
        padded = torch.nn.functional.pad(received * self.gains, (0, PIXELS - self.real_uses))
        return 0.5 + padded.reshape(-1, 3, 32, 32)


class Sine(Diagonal):
    """Non-monotone: every value of the image is 0.5 + sin(π r₀), so an image of 0.5 has the MSE sin²(π r₀)."""

    def __init__(self) -> None:
        super().__init__(torch.ones(2))

    def decode_differentiably(self, received: torch.Tensor, noise_variance: float) -> torch.Tensor:
        return 0.5 + (torch.pi * received[:, :1, None, None]).sin().expand(-1, 3, 32, 32)


def grey(count: int) -> torch.Tensor:
    """Images (count,3,32,32) of 0.5."""
    return torch.full((count, 3, 32, 32), 0.5)


def aimed(system: System, images: torch.Tensor, noise: torch.Tensor, threshold: float, variance: float = 0.1) -> Target:
    """A target with the given noise (B, N) on the codewords, and directions of a fixed stream."""
    sent = system.encode(images)
    directions = seeds.gaussian_rows(7, "test", start=0, stop=len(images), width=system.real_uses)
    return Target(
        system, images, sent, sent.codewords + noise, variance, threshold, torch.from_numpy(directions)
    )  # fmt: skip


def part(target: Target, rows: torch.Tensor) -> Target:
    """The images `rows` of a target, as a batch of their own."""
    sent = target.sent
    chosen = Sent(
        sent.codewords[rows],
        sent.feasible[rows],
        None if sent.message is None else sent.message[rows],
        None if sent.bits is None else sent.bits[rows],
    )
    return Target(
        target.system, target.images[rows], chosen, target.received[rows], target.noise_variance, target.threshold,
        target.directions[rows],
    )  # fmt: skip


def attack(name: str, **changes: Any) -> Attack:
    """The attack `name` of params.yaml with some settings changed."""
    entry = PARAMS.section("attacks", name) | changes
    kind = ATTACKS[entry["kind"]]
    assert issubclass(kind, Attack)
    return kind(kind.Settings.model_validate(entry))


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    """Standard normal values."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@cache
def patches() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """1024 different photo patches uint8 (n,3,32,32), all photographs mixed; not to be written to."""
    cut = []
    for photo in PHOTOS:
        pixels = read_photo(photo)
        places = corners(pixels.shape[0], pixels.shape[1], "train")[::11]
        cut += [pixels[top : top + 32, left : left + 32].transpose(2, 0, 1) for top, left in places]
    order = np.random.default_rng(0).permutation(len(cut))[:1024]
    found = np.stack([cut[index] for index in order])
    found.setflags(write=False)
    return found


def pictures(count: int, first: int = 0) -> torch.Tensor:
    """Photo patches float32 (count,3,32,32) in [0,1]."""
    return torch.from_numpy(patches()[first : first + count].copy()).float() / 255.0


def deepjscc_settings(width: int = 4, **training: Any) -> DeepJSCCSettings:
    """Settings of a small DeepJSCC that trains for four short epochs."""
    schedule = {
        "train_snr_db": 10.0, "epochs": 4, "batch": 32, "learning_rate": 5e-3, "warmup_share": 0.2,
        "weight_decay": 1e-4,
    }  # fmt: skip
    entry = {"kind": "deepjscc", "label": "small", "width": width, "training": schedule | training}
    return DeepJSCCSettings.model_validate(entry)


@cache
def small_deepjscc() -> DeepJSCCSystem:
    """A DeepJSCC of 128 real uses after 96 steps: enough that most images are not ruined without an attack."""
    settings = deepjscc_settings(8)
    system = DeepJSCCSystem.create(settings, 128, 3)
    optimizer = torch.optim.Adam(system.module.parameters(), 5e-3)
    generator = torch.Generator().manual_seed(4)
    images = pictures(768)
    for step in range(96):
        optimizer.zero_grad()
        system.loss(images[step % 24 * 32 :][:32], generator).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return DeepJSCCSystem.restore(settings, 128, system.state())


@cache
def small_jpeg(modulation: str = "qpsk") -> JpegLdpcSystem:
    """The classical chain with 768 coded bits."""
    entry = {
        "kind": "jpeg_ldpc", "label": "small", "stream": "payload", "subsampling": "4:2:0", "modulation": modulation,
        "code": {"family": "regular", "column_weight": 3, "row_weight": 6}, "iterations": 30,
        "check_node": "boxplus-phi",
    }  # fmt: skip
    uses = {"qpsk": 768, "16qam": 384}[modulation]
    return JpegLdpcSystem.create(JpegLdpcSettings.model_validate(entry), uses, 5)
