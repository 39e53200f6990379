"""The two ways to install give the same versions, and commands say what they need without heavy imports."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.workflow.project import ROOT


def test_conda_pins_are_those_of_the_pip_lock() -> None:
    lock = dict(
        line.split("==")
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if re.match(r"[\w.-]+==", line)
    )
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pins = dict(entry.split("=") for entry in environment if isinstance(entry, str) and "=" in entry)
    assert pins.pop("python") == "3.11"
    assert pins == {name: lock[name] for name in ("numpy", "setuptools", "wheel")}
    (pip,) = (entry["pip"] for entry in environment if isinstance(entry, dict))
    assert pip == ["-r requirements.lock", "-e ."]
    assert lock["torch"] == "2.13.0"


def test_every_number_of_the_params_carries_a_tag_or_stands_below_one() -> None:
    """A line with a value and no comment must repeat a line that has one (the same key, tagged elsewhere)."""
    tag = re.compile(r"#.*\[(stated|second-hand|lost|assumed|ours)\]")
    text = (ROOT / "params.yaml").read_text()
    lines = [line for line in text.splitlines() if re.match(r"\s*\w+: .*\d", line)]
    tagged = {line.split(":")[0].strip() for line in lines if tag.search(line)}
    untagged = {line.split(":")[0].strip() for line in lines if not tag.search(line)} - {"label"}
    assert untagged <= tagged, untagged - tagged


def test_make_works_in_a_folder_of_any_name(tmp_path: Path) -> None:
    """With programs that only say that they were called."""
    root = tmp_path / 'it\'s a "$(touch INJECTED)" & more'
    programs = root / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("pip", "python", "ruff", "mypy", "sphinx-build", "snakemake", "pytest"):
        (programs / name).write_text('#!/bin/sh\necho "${0##*/}" >> called\n')
        (programs / name).chmod(0o755)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    targets = ("install", "demo", "test", "lint", "docs", "linkcheck", "record", "release", "lock", "upgrade")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    command = ["make", f"PYTHON={sys.executable}", *targets]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {*(root / "called").read_text().split()} == {path.name for path in programs.iterdir()}
    assert not list(tmp_path.rglob("INJECTED"))
