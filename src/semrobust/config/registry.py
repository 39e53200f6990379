"""Plug-in registries: one new file in a package adds a system, an attack or a figure to every comparison.

A registry imports the modules of its package that register something at first use, and with them what those import
(torch, for systems and attacks): who only shows help or completes a name asks none.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from semrobust.config.settings import AttackKind, SystemKind
from semrobust.errors import UsageError, similar

T = TypeVar("T")


class Registry(Generic[T]):
    """Map of names to plug-ins of one package.

    Parameters: `what` names the plug-ins in messages ("system kind"), `package` is the package
    whose modules register themselves with the decorator `register(name)`.
    """

    def __init__(self, what: str, package: str) -> None:
        self.what, self.package = what, package
        self._entries: dict[str, T] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[T], T]:
        """Return the decorator that adds a plug-in under `name`; raises ValueError if the name is taken."""

        def add(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"two entries register the {self.what} '{name}' in {self.package}")
            self._entries[name] = entry
            return entry

        return add

    def _load(self) -> dict[str, T]:
        if not self._loaded:
            package = importlib.import_module(self.package)
            for module in pkgutil.walk_packages(package.__path__, f"{self.package}."):
                spec = importlib.util.find_spec(module.name)
                assert spec is not None
                assert spec.origin is not None
                if ".register(" in Path(spec.origin).read_text(encoding="utf-8"):
                    importlib.import_module(module.name)
            self._loaded = True
        return self._entries

    def __getitem__(self, name: str) -> T:
        entries = self._load()
        if name not in entries:
            known = sorted(entries)
            raise UsageError(f"unknown {self.what} '{name}'{similar(name, known)}; known: {', '.join(known)}")
        return entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._load()))

    def __contains__(self, name: object) -> bool:
        return name in self._load()


SYSTEMS: Registry[type[SystemKind]] = Registry("system kind", "semrobust.systems")
ATTACKS: Registry[type[AttackKind]] = Registry("attack kind", "semrobust.attacks")
