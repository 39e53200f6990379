"""A project of five artifacts made by small steps: raw data -> two networks -> table -> figure."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from semrobust.config.params import Params
from semrobust.pipeline import files, gc, lineage, plan, step, work
from semrobust.pipeline import record as provenance
from semrobust.pipeline.audit import Audit
from semrobust.pipeline.plan import Artifact, Plan
from semrobust.pipeline.step import Step
from tests.conftest import ROOT

TOYS = ("raw", "net", "table", "figure")
RUN = "r"


def steps() -> dict[str, Step]:
    found = [importlib.import_module(f"tests.pipeline.toys.{toy}").STEP for toy in TOYS]
    return {each.kind: each for each in found}


def use_small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan with the small steps instead of the real ones."""
    for module in (step, plan, lineage, gc):
        monkeypatch.setattr(module, "steps", steps)


def params(**changes: Any) -> Params:
    """What the small steps read of params: `run`, `seed`, `width`, `samples`, `dpi`."""
    given = {"run": RUN, "seed": 5, "width": 4, "samples": 9, "dpi": 50} | changes
    return cast(
        Params,
        SimpleNamespace(
            run=given["run"],
            plugins=[],
            weights=dict,
            seed=given["seed"],
            data=SimpleNamespace(source="photos10"),
            link=SimpleNamespace(real_uses=given["width"]),
            evaluation=SimpleNamespace(bootstrap_samples=given["samples"]),
            plot=SimpleNamespace(dpi=given["dpi"]),
        ),
    )


def planned(**changes: Any) -> Plan:
    return Plan.of(params(**changes), [Path("params.yaml")])


def artifact(kind: str, **changes: Any) -> Artifact:
    """The first artifact of a kind."""
    return next(each for each in planned(**changes) if each.kind == kind)


def make(*kinds: str, **changes: Any) -> Plan:
    """Make the artifacts of some kinds, of all by default."""
    made = planned(**changes)
    for each in made:
        if not kinds or each.kind in kinds:
            work.make(made, each.address, ["semrobust", each.kind, each.name])
    return made


def audit(complete: bool = False, **changes: Any) -> Audit:
    return Audit(planned(**changes), complete)


PROCESS = "from tests.pipeline import small_project; small_project.install(); small_project.make(*{kinds!r})"


def install() -> None:
    """As `use_small_steps`, for the rest of a process."""
    for module in (step, plan, lineage, gc):
        vars(module)["steps"] = steps


def start(*kinds: str, **environment: str) -> subprocess.Popen[str]:
    """A process that makes the artifacts of some kinds in the current folder."""
    command = [sys.executable, "-c", PROCESS.format(kinds=kinds)]
    given = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])} | environment
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=given)


def load(files: Sequence[Path]) -> Params:
    """Params files of a small project, overlaid."""
    merged: dict[str, Any] = {}
    for file in files:
        merged |= yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    return params(**merged)


def first_edition(folder: Path, name: str = "old") -> Path:
    """A table with a record of the first edition."""
    table = folder / f"{name}.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text("a\n1\n")
    record = {
        "id": "0", "job": {"kind": "table", "name": name, "key": "0"}, "settings": {}, "code": "0",
        "inputs": {"data/old/models/net.safetensors": "0"}, "lineage": {},
        "outputs": {table.as_posix(): files.sha256(table)},
    }  # fmt: skip
    table.with_suffix(".json").write_text(json.dumps(provenance.sealed(record)))
    return table
