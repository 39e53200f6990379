"""Systems that show images over fading channels: over AWGN as without, by hand, and the stored measurement."""

from __future__ import annotations

import math
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from semrobust.config.params import merge, validate
from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import ChannelSettings
from semrobust.measure import fading
from semrobust.phy.air import Air
from semrobust.phy.power import noise_variance
from semrobust.pipeline import seeds
from semrobust.systems.base import System
from semrobust.systems.draw import Draw
from semrobust.systems.over_air import decode_over
from tests.attacks.samples import pictures
from tests.conftest import SMALL, raw_params
from tests.made import CHAIN, CHANNELS, IMAGES, SNR_DB, Run

CHANNEL: dict[str, dict[str, Any]] = {
    "awgn": {"label": "AWGN", "fading": "awgn"},
    "rayleigh": {"label": "Rayleigh", "fading": "rayleigh"},
    "mimo": {"label": "2x2", "fading": "rician", "k_factor_db": 6.0, "transmit": 2, "receive": 2, "csi_error": 0.05},
}


@cache
def ready(name: str) -> System:
    """A system of the small params; tests leave it as it is."""
    params = validate(merge(raw_params(), SMALL))
    kind = SYSTEMS[params.systems[name].kind]
    assert issubclass(kind, System)
    return kind.create(params.systems[name], params.link.real_uses, 3)


def air(name: str, snr_db: float) -> Air:
    return Air.of(ChannelSettings.model_validate(CHANNEL[name]), snr_db)


@pytest.mark.parametrize("name", ["deepjscc", "hevc_ldpc_qpsk", "jpeg_ldpc_16qam"])
@pytest.mark.parametrize("channel", CHANNEL)
def test_every_system_is_nearly_undisturbed_over_every_channel_at_a_high_snr(name: str, channel: str) -> None:
    system, images = ready(name), pictures(6)
    # the estimate's error does not vanish with the noise
    exact = {"csi_error": 0.0} if channel == "mimo" else {}
    given = ChannelSettings.model_validate(CHANNEL[channel] | exact)
    sent = system.encode(images)
    undisturbed = system.decode(sent.codewords, 1e-8)
    decoded = decode_over(system, sent.codewords, Air.of(given, 80.0), Draw(1, torch.arange(6)))
    torch.testing.assert_close(decoded.images, undisturbed.images, rtol=0, atol=2e-3)
    assert torch.equal(decoded.failed, undisturbed.failed)


@pytest.mark.parametrize("name", ["deepjscc", "hevc_ldpc_qpsk"])
def test_over_awgn_a_system_sees_what_it_sees_without_an_equalizer(name: str) -> None:
    system, images, snr_db = ready(name), pictures(5), 4.0
    draw, sent = Draw(7, torch.arange(5)), system.encode(images)
    noise = draw.named("noise").normal(system.real_uses)
    received = sent.codewords + math.sqrt(noise_variance(snr_db)) * noise
    plain = system.decode(received, noise_variance(snr_db))
    decoded = decode_over(system, sent.codewords, air("awgn", snr_db), draw)
    torch.testing.assert_close(decoded.images, plain.images, rtol=0, atol=1e-5)


def test_a_deep_fade_does_not_blow_the_network_up(monkeypatch: pytest.MonkeyPatch) -> None:
    system, images = ready("deepjscc"), pictures(40)
    seen = []
    decode = system.decode

    def watching(received: torch.Tensor, variance: float) -> object:
        seen.append(received)
        return decode(received, variance)

    monkeypatch.setattr(system, "decode", watching)
    decode_over(system, system.encode(images).codewords, air("rayleigh", 0.0), Draw(2, torch.arange(40)))
    energy = seen[0].square().mean(1)
    # at most (1 + σ²)² times the signal and what is left of the noise; y/h alone has means in the hundreds
    assert float(energy.max()) < 8.0


def test_an_image_does_not_depend_on_its_batch() -> None:
    system, images = ready("hevc_ldpc_qpsk"), pictures(7)
    sent, numbers = system.encode(images), torch.arange(7)
    whole = fading.measure(system, images, sent, air("rayleigh", 6.0), Draw(5, numbers))
    part = system.encode(images[4:])
    alone = fading.measure(system, images[4:], part, air("rayleigh", 6.0), Draw(5, numbers[4:]))
    pd.testing.assert_frame_equal(whole[4:].reset_index(drop=True), alone)


def test_stored_results_are_those_of_the_restored_system_on_the_documented_draws(run: Run) -> None:
    """Draws `fading, SNR`, the same for all channels; all images at once, where the job took fives."""
    samples, system, images = run.frame(f"fading/{CHAIN}"), run.system(CHAIN), run.images()
    assert len(samples) == len(CHANNELS) * len(SNR_DB) * IMAGES
    sent, numbers = system.encode(images), torch.arange(IMAGES)
    for channel, snr_db in product(CHANNELS, SNR_DB):
        stored = samples[(samples["channel"] == channel) & (samples["snr_db"] == snr_db)]
        draw = Draw(seeds.integer(run.params.seed, "fading", snr_db), numbers)
        again = fading.measure(system, images, sent, Air.of(run.params.channels[channel], snr_db), draw)
        assert stored["image"].tolist() == list(range(IMAGES))
        np.testing.assert_allclose(stored["psnr_db"], again["psnr_db"], rtol=1e-6)
    assert samples["failed"].nunique() == 2
