"""numba's `njit`, with its cache on disk where there is a place for it, and never turned off."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numba import config, njit
from numba.core.caching import FunctionCache

config.DISABLE_JIT = 0  # a debugger's NUMBA_DISABLE_JIT asks for Python, to which vectors mean nothing


def place() -> str | None:
    """Folder where numba keeps what it has compiled of this room; None if it finds none that can be written."""
    with suppress(RuntimeError):
        return str(FunctionCache(compiled).cache_path)
    return None


def compiled(cache: Callable[[Any], Any] | None = FunctionCache, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorator: `njit` with these options, and with a `cache` on disk of this class, None for no cache.

    Where numba finds no place for it (sources that cannot be written, no home), every process compiles for itself.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        kernel = njit(**options)(function)
        if cache is not None:
            with suppress(RuntimeError):  # no place
                kernel._cache = cache(function)
        return kernel

    return decorate
