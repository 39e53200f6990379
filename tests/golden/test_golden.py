"""Results of every class that has a version: they may move only with it.

What is expensive is keyed by settings and a version, so a change of code that moves results and leaves the version
would let old results pass for new ones. Here one small artifact of each class is made and compared with what it was.

    pytest tests/golden --golden        record what has no entry yet, or a new key

Record in one process. Numbers of equal keys are never overwritten: raise the version of the class that moved.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from semrobust.attacks.on_air.pulse_jamming import PulseJamming
from semrobust.config.params import load
from semrobust.config.registry import ATTACKS, SYSTEMS
from semrobust.pipeline.plan import Artifact, Plan
from semrobust.pipeline.step import steps
from semrobust.pipeline.work import make
from tests.conftest import ROOT

GOLDEN = Path(__file__).with_name("golden.json")
SOURCES = [ROOT / "params.yaml", ROOT / "params" / "ci.yaml", Path(__file__).with_name("params.yaml")]
SENT_IN = "submitted"
"""The kind of attack that finds nothing by itself: its results are the vectors that it is given."""

OF_KINDS = {"train": ("system", "system"), "attack": ("attack", "attack"), "adaptive": ("adaptive", "noise")}
"""Steps that make artifacts of several classes: what these are called, and which setting has their kind."""

TOLERANCE = 0.02
"""Relative, of a mean over all numbers of a column or tensor: trainings and searches end a little differently on other
processors, and a change that matters moves some mean by more."""

LEAST = {"attack turned_indices": 0.01}
"""Mean power above which an attack has found something, where it is not 1: what names classes here is right of few
images, and the others count with power 0."""

JUMPS = {"instantons": ("pushes: mean", "wrong", "lasting")}
"""What no tolerance holds: a search ends at another of many patterns of like size on another processor."""


def classes(plan: Plan) -> dict[str, Artifact]:
    """The first artifact of each class with a version: kinds of systems, attacks and such, and every other step."""
    found: dict[str, Artifact] = {}
    for artifact in plan:
        if steps()[artifact.kind].versions is not None:
            name, of = OF_KINDS.get(artifact.kind, (artifact.kind, None))
            label = name if of is None else f"{name} {artifact.settings[of]['kind']}"
            found.setdefault(label, artifact)
    return found


@pytest.fixture(scope="session")
def plan() -> Plan:
    return Plan.of(load(SOURCES))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("golden")


@pytest.fixture
def _there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def with_inputs(plan: Plan, artifact: Artifact) -> None:
    """Make an artifact and everything behind it."""
    for needed in plan.inputs(artifact):
        with_inputs(plan, needed)
    make(plan, artifact.address)


def numbers(path: Path) -> dict[str, float]:
    """Mean and mean magnitude of every column or tensor."""
    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
        arrays = {name: frame[name].to_numpy(float) for name in frame if frame[name].dtype.kind in "bif"}
    elif path.suffix == ".safetensors":
        arrays = {name: array.astype(float) for name, array in load_file(path).items()}
    elif path.suffix == ".npy":
        arrays = {"images": np.load(path).astype(float)}
    else:
        with np.load(path) as stored:
            arrays = {name: stored[name].astype(float) for name in stored if stored[name].dtype.kind in "biuf"}
    found: dict[str, float] = {}
    for name, array in arrays.items():
        finite = array[np.isfinite(array)]
        found |= {f"{name}: finite": len(finite) / max(1, array.size)}
        found |= (
            {f"{name}: mean": float(finite.mean()), f"{name}: size": float(abs(finite).mean())} if len(finite) else {}
        )
    return found


def write(golden: dict[str, Any]) -> None:
    GOLDEN.write_text(json.dumps(dict(sorted(golden.items())), indent=1, ensure_ascii=False) + "\n")


def test_every_class_with_a_version_is_recorded(plan: Plan, request: pytest.FixtureRequest) -> None:
    found = set(classes(plan))
    if request.config.getoption("--golden"):
        empty = {label: {"key": "", "numbers": {}} for label in found}
        kept = {label: entry for label, entry in json.loads(GOLDEN.read_text()).items() if label in found}
        write(empty | kept)
    assert {f"system {kind}" for kind in SYSTEMS} | {f"attack {kind}" for kind in ATTACKS if kind != SENT_IN} <= found
    assert {f"adaptive {kind}" for kind in ("pgd", "square", "auto_attack")} <= found
    assert {kind for kind, step in steps().items() if step.versions and kind not in OF_KINDS} <= found
    assert set(json.loads(GOLDEN.read_text())) == found


def found_in(artifact: Artifact) -> dict[str, float]:
    """The numbers of all of an artifact's files that hold any."""
    ends = [suffix for suffix in artifact.suffixes if suffix in (".parquet", ".safetensors", ".npz")]
    ends = ends or [suffix for suffix in artifact.suffixes if suffix.endswith("_images.npy")]
    return {f"{end} {name}": value for end in ends for name, value in numbers(artifact.path(end)).items()}


def compared(plan: Plan, label: str, golden: dict[str, Any], record: bool) -> dict[str, Any]:
    """Make the artifact of a class and compare it with its entry. Returns all entries, with `record` one for a new key.

    Raises AssertionError where results moved under the same key, or the key is new and nothing is recorded.
    """
    artifact = classes(plan)[label]
    with_inputs(plan, artifact)
    found = found_in(artifact)
    if artifact.kind == "attack":
        assert found[".parquet power_total: mean"] > LEAST.get(label, 1.0), (
            f"{label} found nothing here, so its results cannot move"
        )
    recorded = golden[label]
    if recorded["key"] != artifact.key:
        assert record, f"{label}: params or versions changed; pytest tests/golden --golden"
        entry = {"key": artifact.key, "numbers": {name: float(f"{value:.6g}") for name, value in found.items()}}
        return golden | {label: entry}
    assert found.keys() == recorded["numbers"].keys()
    moved = {
        name: (recorded["numbers"][name], value)
        for name, value in found.items()
        if not any(part in name for part in JUMPS.get(label, ()))
        and abs(value - recorded["numbers"][name])
        > TOLERANCE * max(abs(recorded["numbers"][name]), found.get(name.replace(": mean", ": size"), 0.0), 1e-6)
    }
    assert not moved, f"{label}: results moved and its version did not: raise it. (was, is): {moved}"
    return golden


@pytest.mark.slow
@pytest.mark.usefixtures("_there")
@pytest.mark.parametrize("label", sorted(json.loads(GOLDEN.read_text())))
def test_results_move_only_with_a_version(plan: Plan, label: str, request: pytest.FixtureRequest) -> None:
    golden: dict[str, Any] = json.loads(GOLDEN.read_text())
    if (new := compared(plan, label, golden, request.config.getoption("--golden"))) != golden:
        write(new)


@pytest.mark.slow
def test_a_changed_constant_needs_a_raised_version(plan: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the networks of the other tests, in another run: an attack whose direction is another."""
    label, golden = "attack pulse_jamming", json.loads(GOLDEN.read_text())
    monkeypatch.chdir(folder)
    with_inputs(plan, classes(plan)[label])
    for path in classes(plan)[label].paths:
        path.unlink()
    direction = PulseJamming.direction
    monkeypatch.setattr(PulseJamming, "direction", lambda self, target: direction(self, target).roll(7, dims=1).abs())
    with pytest.raises(AssertionError, match="results moved and its version did not: raise it"):
        compared(plan, label, golden, record=False)
    monkeypatch.setattr(PulseJamming, "version", 2)
    raised = Plan.of(load(SOURCES))
    with pytest.raises(AssertionError, match="params or versions changed"):
        compared(raised, label, golden, record=False)
    after = compared(raised, label, golden, record=True)
    assert {each for each in after if after[each] != golden[each]} == {label}
    for path in classes(plan)[label].paths:
        path.unlink()
