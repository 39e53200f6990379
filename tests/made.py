"""A run made in this process, in the working directory: what tests need of the pipeline around what they test."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.pipeline import record
from semrobust.pipeline.plan import Plan
from semrobust.pipeline.work import Input, Work, make
from semrobust.systems.base import System
from semrobust.systems.checkpoint import restore
from semrobust.training import train


class Run:
    """The run of these params; artifacts go by their addresses, `kind/name`."""

    def __init__(self, params: Params) -> None:
        self.params = params

    @cached_property
    def plan(self) -> Plan:
        return Plan.of(self.params)

    def make(self, *wanted: str) -> None:
        """Make artifacts, or all of a kind, with everything behind them."""
        for artifact in self.plan:
            if artifact.address in wanted or artifact.kind in wanted:
                self.make(*artifact.needs)
                make(self.plan, artifact.address)

    def path(self, address: str, suffix: str | None = None) -> Path:
        return self.plan[address].path(suffix)

    def rows(self, address: str) -> pd.DataFrame:
        """A parquet or CSV file."""
        path = self.path(address)
        return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)

    def record(self, address: str) -> Plain:
        return record.read(self.plan[address].record)

    def system(self, name: str) -> System[Any]:
        """A made system, ready."""
        artifact = self.plan[f"train/{name}"]
        return restore(Input(artifact, record.read(artifact.record)))

    def dataset(self) -> Path:
        """Folder of the splits."""
        return self.plan[f"dataset/{self.params.data.source}"].stem

    def again(self, address: str) -> None:
        """Remove an artifact and make it anew."""
        for path in self.plan[address].paths:
            path.unlink(missing_ok=True)
        make(self.plan, address)

    def train(self, name: str, after_epoch: Callable[[int], None]) -> None:
        """Train a system and tell after each epoch; raises what `after_epoch` raises."""
        work = Work(self.plan, self.plan[f"train/{name}"])
        train.make(work, after_epoch)
        work.finish()
