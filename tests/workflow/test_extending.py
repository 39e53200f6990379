"""The worked examples of "Extending" work: taken out of the pages, added to a finished run, made by Snakemake."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from semrobust.pipeline import outputs
from semrobust.pipeline.layout import Layout
from tests.conftest import ROOT
from tests.docs.pages import DOCS, blocks, files_of, params_of
from tests.workflow.project import Project
from tests.workflow.test_snakemake import BLIND, CLASSIFIERS, DOWNSTREAM, REPORT

pytestmark = pytest.mark.slow

PAGES = [DOCS / f"add-a{name}.md" for name in ("-system", "n-attack", "-channel", "-figure")]
SYSTEM, ATTACK, CHANNEL, FIGURE = "pooled_analog", "gradient_direction", "rician_2x3", "extra_censored"


def test_examples_join_a_finished_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(project.root / "src"))  # the examples lie there, beside the same code
    for page in PAGES:
        for path, text in files_of(page).items():
            (project.root / path).write_text(text, encoding="utf-8")
        project.change(params_of(page))

    # the new jobs, and no old ones but tables, gallery and figures; and all that is measured over every channel
    planned = project.planned("all")
    gradient = (*BLIND[:-1], "pga", "pga_refined", "minimum_norm", "carlini_wagner", ATTACK)
    expected = {(rule, SYSTEM) for rule in ("train", "clean", "limits", "criteria")}
    expected |= {("attack", f"{SYSTEM}.{attack}") for attack in gradient}
    expected |= {("attack", f"deepjscc.{ATTACK}"), ("limits", "deepjscc")}
    expected |= {("fading", system) for system in ("deepjscc", "deepjscc_noiseless", "hevc_ldpc_qpsk", SYSTEM)} | {
        ("accuracy", name) for name in CLASSIFIERS
    }
    assert planned == expected | DOWNSTREAM - {("table", outputs.OF_STRUCTURES)} | {("figure", FIGURE)} | REPORT

    # one of each for real; fewer attacks on the new system, to spare the test their time
    project.change({"systems": {SYSTEM: {"attacks": [ATTACK]}}})
    layout = Layout("ci")
    project.snakemake(*map(str, (layout.fading(SYSTEM), layout.figure(FIGURE), layout.accuracy("mae_no_at"))))
    fading = pd.read_parquet(project.root / layout.fading(SYSTEM))
    assert set(fading["channel"]) == set(project.params()["channels"]) >= {CHANNEL}
    power = pd.read_csv(project.root / layout.table("attack_power")).query("attack == @ATTACK")
    assert set(power["system"]) == {SYSTEM, "deepjscc"}
    assert (power["success_rate"] > 0).any()
    assert (project.root / layout.figure(FIGURE)).stat().st_size > 0


def test_a_new_law_of_fading_keeps_the_promises_of_all_laws(tmp_path: Path) -> None:
    """The difference of the page applies to the code as it is, and its tests pass with it."""
    (difference,) = (block.text for block in blocks(DOCS / "add-a-channel.md") if block.language == "diff")
    for part in ("src", "tests/phy", "params"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("tests/__init__.py", "tests/conftest.py", "params.yaml", "pyproject.toml"):
        shutil.copy(ROOT / part, tmp_path / part)
    subprocess.run(["git", "apply", "-"], input=difference, cwd=tmp_path, text=True, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "one_sided", "tests/phy/test_fading.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
