"""All attacks on codewords in one fixed setting: 64 all-zero QPSK words of one regular code, a few SNRs.

What an attack needs on the all-zero word it needs on any (the code and the decoder are symmetric), so this compares
attacks without a source codec in the way. A word that noise alone loses counts with power 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch

from semrobust.attacks.base import Attack, Target
from semrobust.attacks.code.instanton.search import search
from semrobust.attacks.code.structure.analysis import analyse
from semrobust.attacks.code.structure.sets import Structure
from semrobust.attacks.search import attacked
from semrobust.config.params import Params
from semrobust.config.registry import ATTACKS
from semrobust.phy import mapping
from semrobust.phy.decoder import Decoder
from semrobust.phy.ldpc import LdpcCode, regular_code
from semrobust.phy.power import noise_variance
from semrobust.pipeline import seeds
from semrobust.systems.base import Decoded, Sent, SoftBits, System, grey_images

SNR_DB = (2.0, 4.0, 6.0, 10.0, 20.0)
WORDS = 64
_N, _COLUMN_WEIGHT, _ROW_WEIGHT, _DRAW = 768, 3, 6, 0


class ZeroWords(System):
    """A system that sends a black image as the all-zero codeword and gives mid-grey where a message bit is wrong."""

    side = "classical"
    capabilities = frozenset({"soft_bits"})
    blocks = 1
    retry = None

    def __init__(self, code: LdpcCode, decoder: Decoder) -> None:
        self.real_uses, self.code, self.decoder = code.n, code, decoder

    def soft_bits(self) -> SoftBits:
        return self

    @property
    def modulation(self) -> mapping.Modulation:
        return mapping.modulation("qpsk")

    def needed(self, message: torch.Tensor) -> torch.Tensor:
        """A frame without padding: every message bit counts."""
        return torch.ones_like(message, dtype=torch.bool)

    def encode(self, images: torch.Tensor) -> Sent:
        bits = torch.zeros(len(images), self.code.n, dtype=torch.uint8)
        message = torch.zeros(len(images), self.code.k, dtype=torch.uint8)
        everything = torch.ones(len(images), dtype=torch.bool)
        return Sent(mapping.map_bits(bits, self.modulation), everything, message, bits)

    def llr(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> torch.Tensor:
        return mapping.llr(received, noise_variance, self.modulation)

    def decode(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> Decoded:
        message = self.decoder.decode(self.llr(received, noise_variance)).bits
        failed = message.any(dim=1)
        images = grey_images(len(received)) * failed[:, None, None, None]
        return Decoded(images, failed, message)


def target(system: ZeroWords, structure: Structure | None, snr_db: float, root_seed: int, words: int) -> Target:
    """`words` all-zero words over AWGN at `snr_db`, the noise drawn by `root_seed`."""
    images = torch.zeros(words, 3, 32, 32)
    sent = system.encode(images)
    noise, directions = (
        torch.from_numpy(
            seeds.gaussian_rows(root_seed, "bench", use, snr_db, start=0, stop=words, width=system.real_uses)
        )
        for use in ("noise", "attack")
    )
    variance = noise_variance(snr_db)
    received = sent.codewords + math.sqrt(variance) * noise
    return Target(system, images, sent, received, variance, 0.1, directions, root_seed, structure)


def measure(params: Params, done: Callable[[str], None] = lambda _: None) -> dict[str, dict[str, float]]:
    """Mean ||s||² per SNR and attack, for every attack of the params on bits, and for the best of them per word.

    A word that an attack could not break counts with the largest power tried, which the result tables do not allow.
    """
    torch.set_num_threads(params.compute.job_threads)
    code = regular_code(_N, _COLUMN_WEIGHT, _ROW_WEIGHT, _DRAW)
    system = ZeroWords(code, Decoder(code))
    structure = analyse(code, params.structure, seeds.integer(params.seed, "bench", "structure"))
    attacks: dict[str, Attack] = {}
    for name, settings in params.attacks.items():
        kind = ATTACKS[settings.kind]
        assert issubclass(kind, Attack)
        if kind.requires <= system.capabilities:
            attacks[name] = kind(settings)
    patterns = None
    if any(attack.knows_instantons for attack in attacks.values()):
        root = seeds.integer(params.seed, "bench", "instantons", "regular_3_6")
        patterns = search(system.decoder, params.instantons, root)
    result: dict[str, dict[str, float]] = {}
    for snr_db in SNR_DB:
        aimed = replace(target(system, structure, snr_db, params.seed, WORDS), patterns=patterns)
        powers = {}
        best = torch.full((WORDS,), torch.inf, dtype=torch.float64)
        tried = torch.zeros(WORDS, dtype=torch.float64)
        for name, attack in attacks.items():
            (found,) = attacked(attack, [aimed])
            powers[name] = float(found.power_total.mean())
            best = torch.where(found.success, torch.minimum(best, found.power_total), best)
            tried = torch.maximum(tried, found.power_total)
            done(f"{snr_db:g} dB {name}: {powers[name]:.2f}")
        result[f"{snr_db:g}"] = powers | {"best_of": float(torch.where(best.isfinite(), best, tried).mean())}
    return result
