"""How a process that makes the same large tensors again and again keeps its memory."""

from __future__ import annotations

import ctypes

_MMAP_MAX, _TRIM_THRESHOLD = -4, -1  # names of glibc's <malloc.h>
_NONE, _NEVER = 0, 2**31 - 1


def keep() -> None:
    """Tell the C library to keep memory that was freed; no result depends on it.

    By default glibc gives blocks of some MiB back to the system when a tensor dies, and fetches them anew, page by
    page, for the next one. Other C libraries are left as they are.
    """
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is not None:
        adjust(_MMAP_MAX, _NONE)
        adjust(_TRIM_THRESHOLD, _NEVER)
