"""Versions have one place, requirements.lock, and the project's own version one, pyproject.toml."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from semrobust.cli.checks.environment import pinned
from tests.workflow.project import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = {
    name.lower().replace("_", "-"): version
    for name, version in pinned((ROOT / "requirements.lock").read_text()).items()
}
EXTRAS = PROJECT["optional-dependencies"].values()
RANGES = [*PROJECT["dependencies"], *(requirement for extra in EXTRAS for requirement in extra)]


@pytest.mark.parametrize("requirement", RANGES)
def test_every_dependency_is_pinned_within_its_range(requirement: str) -> None:
    needed = Requirement(requirement)
    pin = PINS[needed.name.lower().replace("_", "-")]
    assert needed.specifier.contains(pin), f"{needed.name} {pin}"


def test_pins_of_the_conda_route_are_taken_from_the_lock(tmp_path: Path) -> None:
    for name in ("requirements.lock", "environment.yml"):
        shutil.copy(ROOT / name, tmp_path)
    conda = tmp_path / "environment.yml"
    wanted = conda.read_text()
    conda.write_text(re.sub(r"numpy=[\w.]+", "numpy=1.0", wanted))
    assert conda.read_text() != wanted
    subprocess.run([sys.executable, str(ROOT / "workflow" / "pins.py")], cwd=tmp_path, check=True)
    assert conda.read_text() == wanted


def test_no_other_file_of_the_installation_pins_a_version() -> None:
    for name in ("Makefile", ".ci/run", ".github/workflows/ci.yml"):
        assert not re.findall(r"[\w-]+==\d\S*", (ROOT / name).read_text()), name


def test_one_version_of_the_project() -> None:
    version = PROJECT["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == version
    assert citation["license"] == PROJECT["license"]
    first = re.search(r"^## \[(\d\S*)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)
    assert first
    assert first[1] == version
    assert str(citation["date-released"]) == first[2]


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda form: form.name
)
def test_forms_of_issues_have_what_their_host_asks_for(form: Path) -> None:
    content = yaml.safe_load(form.read_text())
    if form.name == "config.yml":
        assert content["blank_issues_enabled"] in (True, False)
        return
    assert {"name", "description", "body"} <= content.keys()
    for part in content["body"]:
        assert part["type"] in ("markdown", "input", "textarea", "dropdown", "checkboxes")
        assert part["type"] == "markdown" or part["attributes"]["label"]
    named = [part["id"] for part in content["body"] if "id" in part]
    assert len(named) == len(set(named))
