"""A table's job without a pipeline: settings and needs from params, inputs from frames or files that a test has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd

from semrobust.config.params import Params
from semrobust.pipeline.plan import Artifact
from semrobust.pipeline.work import Input, Settings, Work
from semrobust.tables import step
from semrobust.tables.table import table as table_of

Frames = Mapping[str, pd.DataFrame]
"""Inputs by address."""


class RecordingSettings(Settings):
    """Settings that know which of them were read."""

    def __init__(self, address: str, values: Mapping[str, Any]) -> None:
        super().__init__(address, values)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)


@dataclass(frozen=True)
class FakeInput(Input):
    """An input whose file lies where the test wrote it."""

    file: Path

    def path(self, suffix: str | None = None) -> Path:
        assert suffix is None
        return self.file


class FakeWork(Work):
    """What the function of a table gets. The declared inputs, and no others, are in `folder`."""

    def __init__(self, params: Params, name: str, folder: Path) -> None:
        self.artifact = cast("Artifact", SimpleNamespace(name=name, address=f"table/{name}"))
        self.recorded = RecordingSettings(f"table/{name}", step.settings(params, name))
        self.settings = self.recorded
        self.file = folder / f"made-{name}.csv"
        needs = [f"{kind}/{needed}" for kind, needed in table_of(name).needs(params)]
        self._inputs = {address: _input(address, folder) for address in needs}

    @contextmanager
    def output(self, suffix: str | None = None) -> Iterator[Path]:
        assert suffix is None
        yield self.file


def write(folder: Path, frames: Frames) -> None:
    """Write inputs to where jobs look for them: per-image results as Parquet, tables as CSV."""
    for address, frame in frames.items():
        path = _path(address, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path, index=False)


def made(params: Params, name: str, folder: Path) -> pd.DataFrame:
    """Make a table by its step, checked and written; what the file says."""
    work = FakeWork(params, name, folder)
    step.make(work)
    return pd.read_csv(work.file)


def _path(address: str, folder: Path) -> Path:
    kind, _, name = address.partition("/")
    suffix = {"table": ".csv", "structure": ".safetensors"}.get(kind, ".parquet")
    return folder / kind / f"{name}{suffix}"


def _input(address: str, folder: Path) -> FakeInput:
    kind, _, name = address.partition("/")
    artifact = cast("Artifact", SimpleNamespace(kind=kind, name=name, address=address))
    return FakeInput(artifact, {}, _path(address, folder))
