"""How long an attack on a trained system takes, per image and SNR, on this machine."""

from __future__ import annotations

import time
from typing import Any

import torch
from safetensors.torch import load_file

from semrobust.attacks.base import Attack
from semrobust.config.params import Params
from semrobust.config.registry import ATTACKS, SYSTEMS
from semrobust.config.settings import LEVELS
from semrobust.data.splits import load_split
from semrobust.errors import ArtifactError, UsageError
from semrobust.measure.attack import aim
from semrobust.pipeline.layout import Layout
from semrobust.systems.base import System

WHOLE = (1000, 11)
"""Images and SNRs that the time is extrapolated to."""


def measure(params: Params, name: str, attack: str, images: int, threads: int) -> dict[str, Any]:
    """Run `attack` on `images` test images at the middle SNR of the link, once; returns seconds and extrapolation.

    Raises UsageError for a pair that cannot be run without the results of others, ArtifactError where the system is not
    trained yet.
    """
    if (name, attack) not in params.pairs():
        raise UsageError(f"'{attack}' is not run on '{name}' in these params")
    method, kind = ATTACKS[params.attacks[attack].kind], SYSTEMS[params.systems[name].kind]
    if method.transfers or method.knows_structure:
        raise UsageError(f"'{attack}' needs the results of other jobs: choose an attack that needs the system alone")
    assert issubclass(method, Attack)
    assert issubclass(kind, System)
    checkpoint = Layout(params.run).model(name)
    if not checkpoint.exists():
        raise ArtifactError(f"{checkpoint} is missing: run `snakemake --cores 2 {checkpoint}` first")
    system = kind.restore(params.systems[name], params.link.real_uses, load_file(checkpoint))
    torch.set_num_threads(threads)
    test = load_split(Layout(params.run).dataset().parent, "test").images[:images]
    shown = torch.from_numpy(test.copy()).float() / LEVELS
    snr_db = params.link.snr_db[len(params.link.snr_db) // 2]
    target = aim(params, system, shown, system.encode(shown), 0, snr_db)
    started = time.perf_counter()
    result = method(params.attacks[attack]).run(target)
    seconds = time.perf_counter() - started
    return {
        "system": name,
        "attack": attack,
        "settings": params.section("attacks", attack),
        "images": len(shown),
        "snr_db": snr_db,
        "threads": threads,
        "seconds": seconds,
        "success_rate": float(result.success.double().mean()),
        "minutes_for_1000_images_at_11_snrs": seconds / len(shown) * WHOLE[0] * WHOLE[1] / 60,
    }
