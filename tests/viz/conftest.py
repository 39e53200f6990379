from __future__ import annotations

from pathlib import Path

import pytest

from tests.viz import samples


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project root with all inputs of all figures; the working directory of the test."""
    monkeypatch.chdir(tmp_path)
    samples.write_all()
    return tmp_path
