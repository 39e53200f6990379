"""An empty project whose steps are the small ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline import small_project


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's root, outside of any git checkout; the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    small_project.use_small_steps(monkeypatch)
    return tmp_path
