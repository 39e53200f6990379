"""What a refactor costs, on copies of the sources: nothing that is expensive, as long as no result moves."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from semrobust.config.params import load
from semrobust.pipeline.plan import Plan
from tests.conftest import ROOT

KEYS = """
import json, sys
from pathlib import Path
from semrobust.config.params import load
from semrobust.pipeline.plan import Plan
json.dump({a.address: a.key for a in Plan.of(load([Path(p) for p in sys.argv[1:]]))}, sys.stdout)
"""
SOURCES = "params.yaml", "params/ci.yaml"
BY_CODE = {"table", "metrics", "figure", "report"}
"""Steps that take seconds and are keyed by their code."""


def copied(folder: Path, *parts: str) -> Path:
    for part in parts:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "params.yaml", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def keys(folder: Path) -> dict[str, str]:
    done = run(folder, "-c", KEYS, *SOURCES)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_a_renamed_module_and_a_moved_function_remake_tables_and_figures_alone(tmp_path: Path) -> None:
    project = copied(tmp_path, "src", "params", "workflow")
    with contextlib.chdir(ROOT):  # the copy says the same
        before = {artifact.address: artifact.key for artifact in Plan.of(load([Path(path) for path in SOURCES]))}
    source = project / "src" / "semrobust"
    (source / "systems" / "similarity.py").rename(source / "systems" / "likeness.py")
    for path in source.rglob("*.py"):
        text = path.read_text()
        path.write_text(text.replace("semrobust.systems.similarity", "semrobust.systems.likeness"))
    pga, search = source / "attacks" / "on_air" / "pga.py", source / "attacks" / "search.py"
    search.write_text(f"{search.read_text()}\n\ndef nothing_taken(attacks: object) -> None:\n    del attacks\n")
    pga.write_text(
        pga.read_text().replace("\n\n@ATTACKS", "\n\nfrom semrobust.attacks import search  # noqa\n\n\n@ATTACKS")
    )
    after = keys(project)
    assert before.keys() == after.keys()
    moved = {address for address in before if before[address] != after[address]}
    assert {address.partition("/")[0] for address in moved} <= BY_CODE
