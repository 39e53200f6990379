"""Plug-ins for tests: a system and a figure as sources, and an installed package as pip leaves it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from semrobust.config import plugins
from semrobust.config.registry import ATTACKS, SYSTEMS
from semrobust.pipeline import code

SYSTEM = """
from typing import Literal

from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import SystemKind, SystemSettings


class MineSettings(SystemSettings):
    kind: Literal["mine"]
    width: int


@SYSTEMS.register("mine")
class Mine(SystemKind):
    Settings = MineSettings
    side = "semantic"
    capabilities = frozenset({"gradient"})
    trainable = False
"""
ENTRY = {"kind": "mine", "label": "Mine", "width": 7}
FIGURE = """
from semrobust.figures import base

FIGURE = base.Figure(tables=("clean",), draw=lambda inputs: None, caption="Mine\\n\\nNothing.")
"""


def write(path: str | Path, source: str) -> None:
    """Write a source file, and forget what was read of it before."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(source, encoding="utf-8")
    forget()


def forget() -> None:
    """What a new process would not know."""
    importlib.invalidate_caches()
    for cached in (code._path, code._module, code.closure, code.digest):
        cached.cache_clear()


def install(site: Path, name: str, sources: dict[str, str], points: str = "", version: str = "1.2") -> None:
    """A package NAME in a folder of Python's path with these files, and the metadata that pip writes beside it."""
    for path, source in sources.items():
        write(site / name / path, source)
    about = site / f"{name}-{version}.dist-info"
    write(about / "METADATA", f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n")
    write(about / "entry_points.txt", points)
    write(about / "top_level.txt", f"{name}\n")


@contextmanager
def project(root: Path) -> Iterator[Path]:
    """`root` as the working directory and `root/site` in Python's path; what plug-ins register there is forgotten."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.syspath_prepend(str(root / "site"))
        patch.setattr(plugins, "_LOCATED", {})
        for registry in (SYSTEMS, ATTACKS):
            assert list(registry)
            patch.setattr(registry, "_entries", dict(registry._entries))
        forget()
        yield root
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", None)).startswith(str(root)):
            del sys.modules[name]
    forget()
