from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from semrobust.pipeline import work
from tests.conftest import Once
from tests.figures import samples


@pytest.fixture(scope="session")
def tables(once: Once) -> Path:
    """A project in which all that figures are drawn from is made."""
    return once("tables", lambda root: _make(root, "table", "gallery"))


@pytest.fixture(scope="session")
def figures(once: Once, tables: Path) -> Path:
    """The same with all figures."""

    def draw(root: Path) -> None:
        shutil.copytree(tables, root, dirs_exist_ok=True)
        _make(root, "figure")

    return once("figures", draw)


@pytest.fixture
def project(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `tables`: the working directory of the test."""
    shutil.copytree(tables, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _make(root: Path, *kinds: str) -> None:
    plan = samples.plan()
    with contextlib.chdir(root):
        for artifact in plan:
            if artifact.kind in kinds:
                work.make(plan, artifact.address)
