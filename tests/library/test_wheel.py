"""A wheel is the whole library: what is not said comes with it, far from any checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from semrobust.library import defaults
from tests.conftest import ROOT

ASK = """
import json, sys
import semrobust
from semrobust.library import defaults
assert not (defaults.CHECKOUT / "params.yaml").exists()
image = semrobust.example_images(1)
found = semrobust.attack(semrobust.chain("jpeg"), image, 10, "random", step_db=10.0, bisections=1)
json.dump([semrobust.__file__, defaults.params().model_dump(mode="json"), found.success_psnr_db], sys.stdout)
"""


@pytest.mark.slow
def test_a_wheel_carries_the_defaults(tmp_path: Path) -> None:
    sources, wheels, site, elsewhere = (tmp_path / name for name in ("sources", "wheels", "site", "elsewhere"))
    for name in ("sources", "elsewhere"):
        (tmp_path / name).mkdir()
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "params.yaml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    shutil.copytree(ROOT / "src", sources / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *offline, "-w", wheels, sources], check=True)
    (wheel,) = wheels.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    environment = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    file, params, limit = json.loads(done.stdout)
    assert Path(file).is_relative_to(site)
    assert params == defaults.params().model_dump(mode="json")
    assert limit == 15.0
