"""Test images on their way, for an attack to aim at: over the noise of a run without an attacker."""

from __future__ import annotations

from typing import Any

import torch

from semrobust.attacks.base import Target
from semrobust.attacks.code.instanton.patterns import Patterns
from semrobust.attacks.code.structure.sets import Structure
from semrobust.attacks.naming import NamedTarget
from semrobust.config.settings import ChannelSettings
from semrobust.measure.images import TestImages
from semrobust.phy.air import Air
from semrobust.phy.channel import awgn, channel_noise
from semrobust.phy.power import noise_variance
from semrobust.pipeline import seeds
from semrobust.systems.base import Sent, System
from semrobust.systems.classification import ClassifyingSystem
from semrobust.systems.draw import over_air


def aim(
    system: System,
    images: torch.Tensor,
    sent: Sent,
    start: int,
    snr_db: float,
    threshold: float,
    seed: int,
    structure: Structure | None = None,
    patterns: Patterns | None = None,
    attack_seed: int | None = None,
) -> Target:
    """The batch of test images from number `start` on, sent over the same noise as when nobody attacks.

    `attack_seed` is that of the attack's own randomness alone; None: the root `seed`.
    """
    own = seed if attack_seed is None else attack_seed
    stop = start + len(images)
    noise = channel_noise(seed, snr_db, start, stop, system.real_uses)
    directions = seeds.gaussian_rows(own, "attack", snr_db, start=start, stop=stop, width=system.real_uses)
    return Target(
        system,
        images,
        sent,
        awgn(sent.codewords, snr_db, noise.to(images.device)),
        noise_variance(snr_db),
        threshold,
        torch.from_numpy(directions).to(images.device),
        own,
        structure,
        patterns,
    )


def named(
    system: ClassifyingSystem[Any], test: TestImages, numbers: torch.Tensor, snr_db: float, seed: int
) -> NamedTarget:
    """Test images of equal length on their way to a receiver of classes, over the draws that `accuracy` uses."""
    draw = over_air(seed, snr_db, numbers)
    sent = system.transmit(test.images[numbers], draw)
    return NamedTarget(
        system,
        test.images[numbers],
        sent,
        Air.of(ChannelSettings(label="AWGN", fading="awgn"), snr_db).receive(sent.codewords, draw).symbols,
        noise_variance(snr_db),
        0.0,
        draw.named("attack").normal(system.real_uses),
        seed,
        labels=test.labels[numbers],
        draw=draw,
    )
