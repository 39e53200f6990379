"""Systems that show images over fading channels: over AWGN as without, by hand, and the table of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from semrobust.config.params import Params, merge, validate
from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import ChannelSettings
from semrobust.data.splits import load_split
from semrobust.measure import fading
from semrobust.phy.air import Air
from semrobust.phy.power import noise_variance
from semrobust.pipeline import seeds
from semrobust.systems.base import System
from semrobust.systems.draw import Draw
from semrobust.systems.over_air import decode_over
from tests.attacks.samples import pictures
from tests.conftest import SMALL, raw_params
from tests.made import Run

CHANNELS: dict[str, dict[str, Any]] = {
    "awgn": {"label": "AWGN", "fading": "awgn"},
    "rayleigh": {"label": "Rayleigh", "fading": "rayleigh"},
    "mimo": {"label": "2x2", "fading": "rician", "k_factor_db": 6.0, "transmit": 2, "receive": 2, "csi_error": 0.05},
}


def small(**systems: object) -> Params:
    raw = merge(raw_params(), SMALL)
    raw["channels"] = CHANNELS
    raw["recognition"] |= {"images": 10, "channel": "awgn"}
    raw["systems"] = {name: entry for name, entry in raw["systems"].items() if entry and name in systems}
    raw["attacks"] = {"random": raw["attacks"]["random"]}
    for entry in raw["systems"].values():
        entry |= {"attacks": None, "study": None}
    return validate(raw)


def ready(of: Params, name: str) -> System:
    kind = SYSTEMS[of.systems[name].kind]
    assert issubclass(kind, System)
    return kind.create(of.systems[name], of.link.real_uses, 3)


def air(name: str, snr_db: float) -> Air:
    return Air.of(ChannelSettings.model_validate(CHANNELS[name]), snr_db)


@pytest.mark.parametrize("name", ["deepjscc", "hevc_ldpc_qpsk", "jpeg_ldpc_16qam"])
@pytest.mark.parametrize("channel", CHANNELS)
def test_every_system_is_nearly_undisturbed_over_every_channel_at_a_high_snr(name: str, channel: str) -> None:
    system, images = ready(small(**{name: True}), name), pictures(6)
    if channel == "mimo":  # the estimate's error does not vanish with the noise
        given = ChannelSettings.model_validate(CHANNELS[channel] | {"csi_error": 0.0})
    else:
        given = ChannelSettings.model_validate(CHANNELS[channel])
    sent = system.encode(images)
    undisturbed = system.decode(sent.codewords, 1e-8)
    decoded = decode_over(system, sent.codewords, Air.of(given, 80.0), Draw(1, torch.arange(6)))
    torch.testing.assert_close(decoded.images, undisturbed.images, rtol=0, atol=2e-3)
    assert torch.equal(decoded.failed, undisturbed.failed)


@pytest.mark.parametrize("name", ["deepjscc", "hevc_ldpc_qpsk"])
def test_over_awgn_a_system_sees_what_it_sees_without_an_equalizer(name: str) -> None:
    system, images, snr_db = ready(small(**{name: True}), name), pictures(5), 4.0
    draw, sent = Draw(7, torch.arange(5)), system.encode(images)
    noise = draw.named("noise").normal(system.real_uses)
    received = sent.codewords + math.sqrt(noise_variance(snr_db)) * noise
    plain = system.decode(received, noise_variance(snr_db))
    decoded = decode_over(system, sent.codewords, air("awgn", snr_db), draw)
    torch.testing.assert_close(decoded.images, plain.images, rtol=0, atol=1e-5)


def test_a_deep_fade_does_not_blow_the_network_up() -> None:
    system, images = ready(small(deepjscc=True), "deepjscc"), pictures(40)
    seen = []
    decode = system.decode

    def watching(received: torch.Tensor, variance: float) -> object:
        seen.append(received)
        return decode(received, variance)

    system.decode = watching  # type: ignore[method-assign, assignment]
    decode_over(system, system.encode(images).codewords, air("rayleigh", 0.0), Draw(2, torch.arange(40)))
    energy = seen[0].square().mean(1)
    # at most (1 + σ²)² times the signal and what is left of the noise; y/h alone has means in the hundreds
    assert float(energy.max()) < 8.0


def test_an_image_does_not_depend_on_its_batch() -> None:
    system, images = ready(small(hevc_ldpc_qpsk=True), "hevc_ldpc_qpsk"), pictures(7)
    sent, numbers = system.encode(images), torch.arange(7)
    whole = fading.measure(system, images, sent, air("rayleigh", 6.0), Draw(5, numbers))
    part = system.encode(images[4:])
    alone = fading.measure(system, images[4:], part, air("rayleigh", 6.0), Draw(5, numbers[4:]))
    pd.testing.assert_frame_equal(whole[4:].reset_index(drop=True), alone)


def test_stored_rows_are_those_of_the_documented_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    of, name = small(hevc_ldpc_qpsk=True, deepjscc=True), "hevc_ldpc_qpsk"
    run = Run(of)
    run.make("table/fading")
    samples = run.rows(f"fading/{name}")
    assert len(samples) == 3 * 2 * 10
    assert set(samples["image"]) == set(range(10))
    table = run.rows("table/fading")
    assert len(table) == 2 * 3 * 2
    assert (table["n_images"] == 10).all()
    test = load_split(run.dataset(), "test").images[:4]
    images = torch.from_numpy(test.copy()).float() / 255.0
    system = run.system(name)
    draw = Draw(seeds.integer(of.seed, "fading", 10.0), torch.arange(4))
    again = fading.measure(system, images, system.encode(images), air("rayleigh", 10.0), draw)
    stored = samples.query("channel == 'rayleigh' and snr_db == 10 and image < 4")
    np.testing.assert_allclose(stored["psnr_db"], again["psnr_db"], rtol=1e-6)
