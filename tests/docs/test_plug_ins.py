"""The page on plug-ins: its packages are installed by pip, planned, made and drawn beside what is here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from semrobust.config.params import merge, read_yaml
from tests.conftest import ROOT, SMALL, raw_params
from tests.docs.pages import DOCS, files_of

SYSTEM, ATTACK, FIGURE = "patch_pca", "gradient_direction", "extra_censored"
MOVED = {"add-an-attack": ATTACK, "add-a-figure": FIGURE}
"""Files of other pages that the second package is made of."""

QUICK = merge(
    SMALL,
    {
        "systems": {"deepjscc_noiseless": None, "jpeg_ldpc_qpsk": None, "jpeg_ldpc_16qam": None},
        "attacks": dict.fromkeys(name for name in raw_params()["attacks"] if name not in ("random", "pga")),
        "criteria": {"attacks": {"bp_gradient": None}},
    },
)
"""Overlay with which a network, a chain and what comes from outside are made and attacked in seconds."""

MADE = ("table", "figure/extra_censored", "figure/zhang2026_fig5_attack_power")
NOT_MADE = ("table/paper_vs_ours", "table/accuracy", "table/overhead", "table/attack_sanity", "table/index_flips")
"""Tables of what names classes, which none does here."""

MAKE = f"""
import sys
from pathlib import Path
from semrobust.pipeline.plan import Plan
from semrobust.pipeline.work import make
plan = Plan.read(Path("data/small/plan"))
def whole(address):
    for needed in plan[address].needs:
        whole(needed)
    make(plan, address)
for artifact in plan:
    if (artifact.address + "/").startswith(tuple(each + "/" for each in {MADE})) and artifact.address not in {NOT_MADE}:
        whole(artifact.address)
"""
PARAMS = [word for name in ("params.yaml", "quick.yaml", "params/outside.yaml") for word in ("--params", name)]


def run(folder: Path, *command: str, code: int = 0) -> str:
    """What a process says that has the installed packages in its path."""
    paths = os.pathsep.join([str(ROOT / "src"), str(folder / "site")])
    environment = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def semrobust(folder: Path, *words: str, code: int = 0) -> str:
    return run(folder, "-c", "from semrobust.cli import main; main(prog_name='semrobust')", *words, code=code)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which everything is done that the page says, on a smaller overlay."""
    folder = tmp_path_factory.mktemp("outside")
    files = files_of(DOCS / "plug-ins.md")
    for page, name in MOVED.items():
        files |= {
            f"semrobust-ray/semrobust_ray/{name}.py": text
            for path, text in files_of(DOCS / f"{page}.md").items()
            if Path(path).stem == name
        }
    files |= {"semrobust-ray/semrobust_ray/__init__.py": "", "params.yaml": (ROOT / "params.yaml").read_text()}
    files["quick.yaml"] = yaml.safe_dump(QUICK, sort_keys=False)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    run(folder, "-m", "pip", "install", "-q", *offline, "--target", "site", "./semrobust-pca", "./semrobust-ray")
    run(folder, "semrobust-pca/train.py", "weights/patches.safetensors")
    semrobust(folder, "plan", *PARAMS)
    run(folder, "-c", MAKE)
    return folder


def rows(folder: Path) -> dict[str, pd.DataFrame]:
    return {path.stem: pd.read_csv(path) for path in sorted((folder / "data/small/results").glob("*.csv"))}


def holds(table: pd.DataFrame, name: str) -> bool:
    return bool((table.astype(object) == name).any(axis=None))


@pytest.mark.slow
def test_the_system_has_its_rows_wherever_a_network_has(project: Path) -> None:
    tables = rows(project)
    shown = {name for name, table in tables.items() if holds(table, "deepjscc")} - {
        "threats"
    }  # which names its systems
    assert {"clean", "attack_power", "power_ratio", "criteria", "lipschitz"} <= shown
    assert shown <= {name for name, table in tables.items() if holds(table, SYSTEM)}
    clean = tables["clean"].query("system == @SYSTEM and snr_db == 10")
    assert clean["psnr_db"].item() > 15.0, "the trained basis shows the image"


@pytest.mark.slow
def test_the_attack_has_its_rows_on_ours_and_on_theirs(project: Path) -> None:
    power = rows(project)["attack_power"]
    assert {"deepjscc", SYSTEM} == set(power[power["attack"] == ATTACK]["system"])
    hit = power[(power["attack"] == ATTACK) & (power["system"] == SYSTEM)]
    assert (hit["success_rate"] > 0).all()


@pytest.mark.slow
def test_the_figure_is_published_with_both_in_its_record(project: Path) -> None:
    assert (project / f"figures/small/{FIGURE}.pdf").stat().st_size > 0
    record: dict[str, Any] = read_yaml(project / f"figures/small/{FIGURE}.json")  # JSON is YAML
    (found,) = record["plugins"]
    assert (found["distribution"], found["version"], found["name"]) == ("semrobust-ray", "0.1.0", "semrobust_ray")
    assert record["settings"]["labels"]["systems"][SYSTEM] == "PCA of patches"
    assert any(address.startswith(f"train/{SYSTEM}-") for address in record["lineage"])


@pytest.mark.slow
def test_the_audit_names_the_plugin_whose_code_changed(project: Path) -> None:
    table = "data/small/results/clean.csv"
    assert table in semrobust(project, "audit", table, *PARAMS)
    file = project / "site/semrobust_pca/system.py"
    before = file.read_text(encoding="utf-8")
    file.write_text(before.replace("clamp(0.0, 1.0)", "clamp(0.0, 0.9)"), encoding="utf-8")
    try:
        said = semrobust(project, "audit", table, *PARAMS, code=1)
    finally:
        file.write_text(before, encoding="utf-8")
    assert (
        f"its input clean/{SYSTEM} is another: its input train/{SYSTEM} is another: its plug-in semrobust_pca" in said
    )
