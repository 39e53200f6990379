"""What a larger run would cost follows from its images, its epochs and the operations of its networks."""

from __future__ import annotations

from types import ModuleType

import pandas as pd
import pytest

from semrobust.config.params import Params, load, merge, validate
from semrobust.pipeline.plan import Plan
from tests.conftest import ROOT, raw_params
from tests.workflow.project import script


@pytest.fixture(scope="module")
def scaling() -> ModuleType:
    return script("scaling")


def test_jobs_take_longer_by_their_images_and_epochs(scaling: ModuleType, params: Params) -> None:
    evaluation = {"attack_images": 512, "main": {"images": 512}}
    overlay = {"evaluation": evaluation, "systems": {"deepjscc": {"training": {"epochs": 75}}}}
    larger = validate(merge(raw_params(), overlay))
    took = [
        {"step": "attack", "name": "deepjscc.random", "seconds": 60.0, "cpu_seconds": 36.0, "memory_mb": 500.0},
        {"step": "train", "name": "deepjscc", "seconds": 600.0, "cpu_seconds": 3600.0, "memory_mb": 900.0},
        {"step": "structure", "name": "hevc_ldpc_qpsk", "seconds": 30.0, "cpu_seconds": 36.0, "memory_mb": 700.0},
    ]
    found = scaling.scaled(pd.DataFrame(took), params, larger).set_index("step")
    assert found.loc["attack", ["measured", "cpu_hours", "longest_minutes"]].tolist() == [1, 0.01, 1.0]
    assert found["paper_cpu_hours"][["attack", "train", "structure"]].tolist() == [0.02, 3.0, 0.01]
    assert found["jobs"].sum() == len(Plan.of(params))
    assert found["measured"].sum() == 3
    assert found.loc["clean", "measured"] == 0


def test_smaller_patches_cost_more_operations(scaling: ModuleType, params: Params) -> None:
    paper = load([ROOT / "params.yaml", ROOT / "params" / "paper.yaml"])
    assert scaling.operations(params, "deepjscc") == scaling.operations(paper, "deepjscc") == 1
    # four times the tokens, each through matrices nine times as large or more
    assert scaling.operations(paper, "vit") > 36 * scaling.operations(params, "vit")
