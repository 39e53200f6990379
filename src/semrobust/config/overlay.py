"""Overlays: a params file changes single keys of another one. Knows no schema, and waits for none to be imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semrobust.config.settings import Plain


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> Plain:
    """Overlay nested sections key by key; a value that is not a section on both sides is replaced whole.

    The overlay's null for a whole system or attack removes it, so that a preset can leave one out.
    """
    merged = dict(base)
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged
