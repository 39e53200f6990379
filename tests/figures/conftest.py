from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from semrobust.pipeline import work
from tests.figures import samples


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which all that figures are drawn from is made."""
    return _made(tmp_path_factory.mktemp("tables"), "table", "gallery")


@pytest.fixture(scope="session")
def figures(tmp_path_factory: pytest.TempPathFactory, tables: Path) -> Path:
    """The same with all figures."""
    root = tmp_path_factory.mktemp("figures")
    shutil.copytree(tables, root, dirs_exist_ok=True)
    return _made(root, "figure")


@pytest.fixture
def project(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `tables`: the working directory of the test."""
    shutil.copytree(tables, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _made(root: Path, *kinds: str) -> Path:
    before, plan = Path.cwd(), samples.plan()
    os.chdir(root)
    for artifact in plan:
        if artifact.kind in kinds:
            work.make(plan, artifact.address)
    os.chdir(before)
    return root
