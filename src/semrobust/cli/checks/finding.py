"""One line of `semrobust doctor`, and what all its checks are told."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from semrobust.config.params import Params, load
from semrobust.errors import ParamsError, SemrobustError
from semrobust.pipeline.plan import Plan

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
    def plan(self) -> Plan | SemrobustError:
        """What the params ask for."""
        if isinstance(self.params, ParamsError):
            return self.params
        try:
            return Plan.of(self.params, self.files)
        except SemrobustError as error:
            return error

    @property
    def cores(self) -> int:
        """Cores that this process may use."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gib(size: float) -> str:
    """Bytes in the unit that people read."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
