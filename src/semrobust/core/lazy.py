"""Import heavy modules at first use, so that `--help` and parsing the workflow never pay for torch."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class LazyModule(ModuleType):
    """Stand-in for a module that is imported when the first attribute is read."""

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # introspection (inspect, doctest) must not trigger the import
            raise AttributeError(attribute)
        return getattr(importlib.import_module(self.__name__), attribute)
