"""An empty project root, and the command line run in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from semrobust.cli import main

Call = Callable[..., Result]
Write = Callable[[dict[str, Any]], Path]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; no copy of CIFAR-10 and no proxy of the machine is in sight."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEMROBUST_CIFAR10", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path


@pytest.fixture
def write(project: Path) -> Write:
    """Write params.yaml."""

    def writer(raw: dict[str, Any]) -> Path:
        file = project / "params.yaml"
        file.write_text(yaml.safe_dump(raw, sort_keys=False))
        return file

    return writer


@pytest.fixture
def call(write: Write, small_raw: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run the command line in a project with the small params; an exception of ours never escapes it."""
    write(small_raw)

    def caller(*arguments: str) -> Result:
        monkeypatch.setattr("sys.argv", ["semrobust", *arguments])
        result = CliRunner().invoke(main, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return caller
