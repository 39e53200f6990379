"""Receivers whose distortion is known in closed form, small real systems on photo patches, and words of tiny codes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from semrobust.attacks.base import Attack, Target
from semrobust.attacks.code.structure.analysis import analyse
from semrobust.attacks.code.structure.sets import Structure
from semrobust.attacks.code.words import WordAttack, Words
from semrobust.config import params
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import SystemSettings
from semrobust.data.photos import PHOTOS, corners, read_photo
from semrobust.phy import mapping
from semrobust.phy.decoder import Decoder
from semrobust.phy.ldpc import LdpcCode
from semrobust.phy.power import noise_variance
from semrobust.phy.tanner import tanner_matrix
from semrobust.pipeline import seeds
from semrobust.systems.base import Decoded, Sent, State, System
from semrobust.systems.deepjscc import DeepJSCCSettings, DeepJSCCSystem
from semrobust.systems.jpeg_ldpc import JpegLdpcSettings, JpegLdpcSystem
from tests.attacks.structure.samples import nr, regular, settings

REPOSITORY = Path(__file__).parents[2]
PARAMS = params.load([REPOSITORY / "params.yaml"])
PIXELS = 3 * 32 * 32
SEED = 0
"""Root seed of all targets and words."""
TOY = SystemSettings(kind="toy", label="toy")
CHEAP: dict[str, dict[str, Any]] = {
    "minimum_norm": {"starts": 2, "iterations": 40},
    "carlini_wagner": {"searches": 3, "iterations": 60, "learning_rate": 0.05},
    "vulnerable_set": {"sets": 200, "candidates": 4, "rounds": 4, "trials": 4},
    "near_codeword": {"sets": 200, "candidates": 4, "rounds": 4, "trials": 4},
    "instantons": {"candidates": 2, "steps": 15, "refinements": 2, "rounds": 4, "trials": 4},
    "bp_gradient": {
        "max_steps": 15, "depth": 3, "depths": [3], "rounds": 3, "sets": 200, "candidates": 4, "set_rounds": 4,
        "trials": 4,
    },
}  # fmt: skip
"""Changes of attacks with which a batch of short words takes a fraction of a second."""


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

    def send(self, images: torch.Tensor) -> Sent:
        """Of any power: what is known in closed form is the receiver."""
        return self.encode(images)

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


class Saturated(Diagonal):
    """A receiver that shows values clipped to 0.4 … 0.6, far outside of which it gets them: every gradient is 0."""

    def encode(self, images: torch.Tensor) -> Sent:
        return Sent(torch.full((len(images), self.real_uses), 50.0), torch.ones(len(images), dtype=torch.bool))

    def decode_differentiably(self, received: torch.Tensor, noise_variance: float) -> torch.Tensor:
        return super().decode_differentiably(received, noise_variance).clamp(0.4, 0.6)


def grey(count: int) -> torch.Tensor:
    """Images (count,3,32,32) of 0.5."""
    return torch.full((count, 3, 32, 32), 0.5)


def aimed(system: System, images: torch.Tensor, noise: torch.Tensor, threshold: float, variance: float = 0.1) -> Target:
    """A target with the given noise (B, N) on the codewords, and directions of a fixed stream."""
    sent = system.encode(images)
    directions = seeds.gaussian_rows(7, "test", start=0, stop=len(images), width=system.real_uses)
    structure = structure_of(system.code) if isinstance(system, JpegLdpcSystem) else None
    target = Target(
        system, images, sent, sent.codewords + noise, variance, threshold, torch.from_numpy(directions), SEED, structure
    )  # fmt: skip
    return replace(target, seen=target)


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
        target.directions[rows], target.seed, target.structure, seen=target.seen,
    )  # fmt: skip


def attack(name: str, **changes: Any) -> Attack:
    """The attack `name` of params.yaml, made cheap where it is not, with some settings changed."""
    entry = PARAMS.section("attacks", name) | CHEAP.get(name, {}) | changes
    kind = ATTACKS[entry["kind"]]
    assert issubclass(kind, Attack)
    return kind(kind.Settings.model_validate(entry))


def on_words(name: str, **changes: Any) -> WordAttack:
    """As `attack`, for attacks on codewords."""
    chosen = attack(name, **changes)
    assert isinstance(chosen, WordAttack)
    return chosen


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
        "precision": "fp32",
    }  # fmt: skip
    entry = {"kind": "deepjscc", "label": "small", "width": width, "training": schedule | training}
    return DeepJSCCSettings.model_validate(entry)


@cache
def small_deepjscc() -> DeepJSCCSystem:
    """A DeepJSCC of 128 real uses after 96 steps: enough that most images are not broken without an attack."""
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


CODES: dict[str, dict[str, Any]] = {
    "regular": {"family": "regular", "column_weight": 3, "row_weight": 6, "draw": 0},
    "nr": {"family": "nr", "rate": "1/2"},
}


@cache
def small_jpeg(modulation: str = "qpsk", family: str = "regular", blocks: int = 1) -> JpegLdpcSystem:
    """The classical chain with 768 coded bits in all."""
    entry = {
        "kind": "jpeg_ldpc", "label": "small", "stream": "payload", "subsampling": "4:2:0", "modulation": modulation,
        "code": CODES[family], "blocks": blocks, "decoder": {"rule": "sum-product", "iterations": 30},
    }  # fmt: skip
    uses = {"qpsk": 768, "16qam": 384}[modulation]
    return JpegLdpcSystem.create(JpegLdpcSettings.model_validate(entry), uses, 5)


@cache
def structure_of(code: LdpcCode) -> Structure:
    """A quick analysis: hundreds of sets, by far not all."""
    return analyse(code, settings(trapping_size=8, trapping_unsatisfied=3, codeword_weight=24, max_sets=100), 0)


TINY: dict[str, list[list[int]]] = {
    "repetition": [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]],
    "parity": [[1] * 8],
    "hamming": [[1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1], [0, 1, 0, 1, 0, 1, 0, 1]],
}
"""Codes of minimum distance 4, 2 and 4; the first two have no cycle, so belief propagation is exact on them."""


@cache
def code_named(name: str) -> LdpcCode:
    """One of `TINY`, the `tanner` code of 155 bits, or the `regular` or the `nr` code of about 100 bits."""
    if name == "tanner":
        return LdpcCode.from_parity_check(tanner_matrix())
    if name in TINY:
        return LdpcCode.from_parity_check(np.array(TINY[name], dtype=np.uint8))
    return nr() if name == "nr" else regular(96)


def words_of(
    name: str, snr_db: float, count: int, modulation: str = "qpsk", noise: float = 1.0, iterations: int = 50
) -> Words:
    """Random words of a code at `snr_db` that noise alone does not lose, at most `count`.

    `noise` scales the noise that is there, not the variance that the receiver reckons with.
    """
    code, mod, variance = code_named(name), mapping.modulation(modulation), noise_variance(snr_db)
    message = torch.randint(0, 2, (count, code.k), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    bits = code.encode(message)
    sent = mapping.map_bits(bits, mod)
    received = sent + noise * variance**0.5 * normal(*sent.shape, seed=4)
    needed = torch.ones_like(message, dtype=torch.bool)
    decoder = Decoder(code, iterations=iterations)
    words = Words(decoder, mod, received, bits, message, needed, variance, SEED, structure_of(code))
    return words.take((~words.fails(torch.zeros_like(received), words.rows)).nonzero().squeeze(1))
