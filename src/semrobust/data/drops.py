"""Drops of users in a 3GPP TR 38.901 cell, by Sionna: a substitute for the COST 2100 channels of the papers.

One drop is one user at a random place of a sector, with large-scale parameters and clusters of its own, so no two drops
have anything in common but the statistics. Path loss and shadowing are left out: they scale a channel as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from semrobust.config.csi import ANTENNAS, DropSettings
from semrobust.pipeline import seeds

SUBCARRIERS = 1024
_BLOCK = 64  # drops per independent stream; part of what a drop is, never a tuning knob


def channels(settings: DropSettings, count: int, root_seed: int, name: str) -> Iterator[npt.NDArray[np.complex64]]:
    """Channels of `count` drops in batches (b, 32 antennas, 1024 subcarriers), complex64, downlink.

    The base station has a uniform linear array of half a wavelength with the element pattern of the standard, the user
    one isotropic antenna. `root_seed` and `name` name the streams; a smaller `count` gives the first of a larger one.
    """
    from sionna.phy import config  # seconds, and no other step needs its channels
    from sionna.phy.channel import gen_single_sector_topology

    scenario = _scenario(settings)
    for block, start in enumerate(range(0, count, _BLOCK)):
        config.seed = seeds.integer(root_seed, "csi", name, block)
        scenario.set_topology(*gen_single_sector_topology(_BLOCK, 1, settings.scenario, device="cpu"))
        gains, delays = scenario(num_time_samples=1, sampling_frequency=1.0)
        gains, delays = gains[:, 0, 0, 0, :, :, 0], delays[:, 0, 0]  # one user, one antenna, one base station, one time
        yield over_subcarriers(gains, delays, 1e6 * settings.bandwidth_mhz)[: count - start].numpy()


def over_subcarriers(gains: torch.Tensor, delays: torch.Tensor, bandwidth: float) -> torch.Tensor:
    """H_k = Σ_p g_p exp(-j2π f_k τ_p) at the 1024 subcarriers f_k of a bandwidth in Hz, the carrier in their middle.

    `gains` (b, antennas, paths) complex, `delays` (b, paths) in seconds; returns (b, antennas, 1024), complex64. What
    Sionna's `cir_to_ofdm_channel` computes, which repeats the exponentials for every antenna.
    """
    frequencies = (torch.arange(SUBCARRIERS, dtype=torch.float64) - SUBCARRIERS // 2) * (bandwidth / SUBCARRIERS)
    turns = delays.double()[:, :, None] * frequencies
    return gains.to(torch.complex64) @ torch.exp(-2j * torch.pi * turns).to(torch.complex64)


def _scenario(settings: DropSettings) -> Any:
    """Sionna's model of the cell."""
    from sionna.phy.channel import tr38901

    carrier = 1e9 * settings.carrier_ghz
    arrays = {
        "ut_array": tr38901.PanelArray(1, 1, "single", "V", "omni", carrier, device="cpu"),
        "bs_array": tr38901.PanelArray(1, ANTENNAS, "single", "V", "38.901", carrier, device="cpu"),
    }
    kind, indoors = (tr38901.UMi, {"o2i_model": "low"}) if settings.scenario == "umi" else (tr38901.RMa, {})
    unscaled = {"enable_pathloss": False, "enable_shadow_fading": False}
    return kind(carrier, direction="downlink", device="cpu", **arrays, **unscaled, **indoors)
