"""No result depends on the batch: every measurement and every attack, at two batch sizes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from semrobust.config.params import merge
from semrobust.config.registry import ATTACKS
from semrobust.pipeline.step import steps
from tests.conftest import SMALL, raw_params
from tests.made import CHAIN, NET, Run, made_params

QUICK: dict[str, dict[str, Any]] = {
    "universal": {"iterations": 40, "images": 8, "step_db": 4.0, "bisections": 6},
    "near_codeword": {"sets": 50, "candidates": 2, "bisections": 3, "rounds": 1, "trials": 2},
    "bp_gradient": {
        "max_steps": 2,
        "rounds": 1,
        "bisections": 3,
        "sets": 50,
        "candidates": 2,
        "set_rounds": 1,
        "trials": 2,
    },
    "greedy_bits": {"starts": 1, "amplitudes": [1.5], "candidates": 2, "max_bits": 12},
    "dqn_bits": {"starts": 1, "max_bits": 6, "bisections": 3, "learning": {"rounds": 1}},
}
BATCHES = 2, 5
"""Of 8 attacked and 12 other images, so that the last batch is a short one."""


def with_batches_of(size: int, folder: Path) -> Run:
    """The run with every kind of attack, and batches of this size; its networks are those of the folder."""
    raw = raw_params()
    left_out = {name: merge(merge(raw["attacks"][name], SMALL["attacks"].get(name) or {}), QUICK.get(name, {}))
                for name in (*QUICK, "carlini_wagner", "pulse_jamming")}  # fmt: skip
    one = {"snr_db": [10.0]}
    batch = {"batch": size}
    return Run(made_params(attacks=left_out, link=one, criteria=one, evaluation=batch, recognition=batch), folder)


def measured(run: Run) -> Iterator[str]:
    """The measurements of images: of each step, and of each attack, one on each kind of system."""
    plan, attacks = run.plan, run.params.attacks
    tried: set[tuple[str, ...]] = set()
    kinds = {artifact.kind for artifact in plan if "batch" in artifact.settings}
    assert kinds == {
        "clean",
        "attack",
        "spread",
        "layers",
        "fading",
        "criteria",
        "theory",
        "noise",
        "accuracy",
        "adaptive",
        "least_noise",
    } & set(steps())
    for artifact in (artifact for artifact in plan if artifact.kind in kinds):
        system, _, attack = artifact.name.partition(".")
        attack = attacks[attack].kind if attack in attacks else attack
        kinds_of = artifact.kind, run.params.systems[system].kind, attack
        if kinds_of not in tried:
            tried.add(kinds_of)
            yield artifact.address


def columns(path: Path) -> dict[str, Any]:
    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
        return {str(name): frame[name].to_numpy() for name in frame}
    if path.suffix == ".safetensors":
        return dict(load_file(path))
    with np.load(path) as stored:
        return dict(stored)


@pytest.mark.slow
@pytest.mark.no_cover  # others run the same code, and tracing takes long
def test_no_measurement_and_no_attack_depends_on_the_batch(run: Run) -> None:
    small, large = (with_batches_of(size, run.folder) for size in BATCHES)
    tried = {small.plan[address].settings["attack"]["kind"] for address in measured(small) if "attack/" in address}
    assert tried == set(ATTACKS) - {"submitted"}  # tried in test_verification.py
    assert {address.partition("/")[2].partition(".")[0] for address in measured(small)} >= {NET, CHAIN, "mae_vq"}
    for address in measured(small):
        first, second = (columns(each.path(address)) for each in (small, large))
        assert first.keys() == second.keys()
        for name, values in first.items():
            said = f"{address}: {name}"
            if values.dtype.kind in "fc":
                np.testing.assert_allclose(values, second[name], rtol=1e-3, atol=1e-4, err_msg=said)
            else:
                np.testing.assert_array_equal(values, second[name], err_msg=said)
