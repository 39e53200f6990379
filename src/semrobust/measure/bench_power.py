"""How long an attack on a trained system takes, per image and SNR, on this machine."""

from __future__ import annotations

import time
from typing import Any

import torch

from semrobust.attacks.base import Attack
from semrobust.attacks.search import attacked
from semrobust.config.registry import ATTACKS
from semrobust.data.splits import load_split
from semrobust.errors import UsageError
from semrobust.measure.aim import aim
from semrobust.measure.attack import criteria_of
from semrobust.measure.success import under
from semrobust.pipeline.plan import Plan
from semrobust.pipeline.work import finished
from semrobust.systems.checkpoint import restore

WHOLE = (1000, 11)
"""Images and SNRs that the time is extrapolated to."""


def measure(plan: Plan, name: str, attack: str, images: int, threads: int) -> dict[str, Any]:
    """Run `attack` on `images` test images at the middle SNR of the link, once; returns seconds and extrapolation.

    Raises UsageError for a pair that cannot be run without the results of others, ArtifactError where the system is not
    trained yet.
    """
    if f"attack/{name}.{attack}" not in plan.artifacts:
        raise UsageError(f"'{attack}' is not run on '{name}' in these params")
    artifact = plan[f"attack/{name}.{attack}"]
    inputs = {address.partition("/")[0]: address for address in artifact.needs}
    if inputs.keys() - {"dataset", "train"}:
        raise UsageError(f"'{attack}' needs the results of other jobs: choose an attack that needs the system alone")
    given, system = artifact.settings, restore(finished(plan, inputs["train"]))
    kind = ATTACKS[given["attack"]["kind"]]
    assert issubclass(kind, Attack)
    method = kind(kind.parse(given["attack"]))
    torch.set_num_threads(threads)
    test = load_split(finished(plan, inputs["dataset"]).artifact.stem, "test").images[:images]
    shown = system.source.samples(torch.from_numpy(test.copy()))
    snr_db = given["snr_db"][len(given["snr_db"]) // 2]
    criterion = next(iter(criteria_of(given).values()))
    target = under(criterion, aim(system, shown, system.send(shown), 0, snr_db, 0.0, given["seed"]))
    started = time.perf_counter()
    (result,) = attacked(method, [target])
    seconds = time.perf_counter() - started
    return {
        "system": name,
        "attack": attack,
        "settings": given["attack"],
        "images": len(shown),
        "snr_db": snr_db,
        "threads": threads,
        "seconds": seconds,
        "success_rate": float(result.success.double().mean()),
        "minutes_for_1000_images_at_11_snrs": seconds / len(shown) * WHOLE[0] * WHOLE[1] / 60,
    }
