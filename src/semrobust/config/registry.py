"""Registries: one new file in a package, or in a plug-in, adds a kind of system or attack to every comparison.

A registry imports the modules of its package that register something at first use, and with them what those import
(torch, for systems and attacks): who only shows help or completes a name asks none. A module of a plug-in it imports
when a kind is asked for that this offers (`config.plugins`).
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from semrobust.config import plugins
from semrobust.config.settings import AttackKind, SystemKind
from semrobust.errors import UsageError, similar

T = TypeVar("T")


class Registry(Generic[T]):
    """Map of names to what one package and the plug-ins register.

    Parameters: `what` names an entry in messages ("system kind"), `package` is the package whose modules register
    themselves with the decorator `register(name)`; a plug-in's entries must be classes derived from `base`, if one is
    given, with `Settings`.
    """

    def __init__(self, what: str, package: str, base: type | None = None) -> None:
        self.what, self.package, self.base = what, package, base
        self._entries: dict[str, T] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[T], T]:
        """Return the decorator that adds an entry under `name`; raises ValueError if the name is taken."""

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
        plugin = None if name in entries else plugins.offering(self.room, name)
        if plugin is not None:
            self._take(plugin, name)
        if name not in entries:
            known = sorted(entries)
            raise UsageError(f"unknown {self.what} '{name}'{similar(name, known)}; known: {', '.join(known)}")
        return entries[name]

    @property
    def room(self) -> str:
        """The last part of the package's name."""
        return self.package.rpartition(".")[2]

    def own(self) -> list[str]:
        """Names that no plug-in registers, sorted."""
        return [name for name in self if plugins.owner(str(getattr(self[name], "__module__", ""))) is None]

    def _take(self, plugin: plugins.Plugin, name: str) -> None:
        """Import what a plug-in offers under a name; raises ParamsError if that is not what it promises."""
        module = plugin.offers[self.room][name]
        plugins.imported(module)
        entry = self._entries.get(name)
        if entry is None:
            raise plugins.refusal(plugin.given, f"{module} registers no {self.what} '{name}'")
        if self.base is not None and not (isinstance(entry, type) and issubclass(entry, self.base)):
            raise plugins.refusal(plugin.given, f"the {self.what} '{name}' must be derived from {self.base.__name__}")
        if self.base is not None and not hasattr(entry, "Settings"):
            raise plugins.refusal(plugin.given, f"the class of the {self.what} '{name}' has no Settings")

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._load()))

    def __contains__(self, name: object) -> bool:
        return name in self._load()


SYSTEMS: Registry[type[SystemKind]] = Registry("system kind", "semrobust.systems", SystemKind)
ATTACKS: Registry[type[AttackKind]] = Registry("attack kind", "semrobust.attacks", AttackKind)
