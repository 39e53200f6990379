"""One line of `semrobust doctor`, and what all its checks are told."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from semrobust.config.params import Params, load
from semrobust.errors import ArtifactError, ParamsError
from semrobust.pipeline import costs, effort
from semrobust.pipeline.costs import Cost

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """What was found of a subject. A `problem` would stop a run; `remedy` says what to do."""

    level: Level
    subject: str
    found: str
    remedy: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """The project (the working folder) and the params files that a run would read."""

    files: tuple[Path, ...]

    @cached_property
    def params(self) -> Params | ParamsError:
        try:
            return load(self.files)
        except ParamsError as error:
            return error

    @cached_property
    def costs(self) -> list[Cost]:
        """What jobs of any run cost where they were measured; empty if there is no such table here."""
        try:
            return costs.read()
        except ArtifactError:
            return []

    @cached_property
    def expected(self) -> dict[effort.JobName, effort.Estimate]:
        """What each job of this run takes there; empty where that cannot be said."""
        if not (self.costs and isinstance(self.params, Params) and effort.REFERENCE.exists()):
            return {}
        return effort.estimate(self.params, self.costs)

    @property
    def cores(self) -> int:
        """Cores that this process may use."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gib(size: float) -> str:
    """Bytes in the unit that people read."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
