from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.figures import samples


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project root with all inputs of all figures. Tests must not change it."""
    root, before = tmp_path_factory.mktemp("inputs"), Path.cwd()
    os.chdir(root)
    samples.write_all()
    os.chdir(before)
    return root


@pytest.fixture(autouse=True)
def project(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of them: the working directory of the test."""
    shutil.copytree(inputs, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
