"""Progress in a log file: bars are for terminals, so elsewhere a line now and then takes their place.

The modules that count are the ones whose code decides what is stale, and a look must not: so they all use tqdm's own
class, silent where standard error is no terminal (`disable=None`), and the command line puts this one in its place.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import tqdm

VARIABLE = "TQDM_MININTERVAL"
EVERY_S = 60.0


class Lines(tqdm.std.tqdm):  # type: ignore[type-arg]  # generic in the stubs only
    """A bar that writes a line to standard error every `TQDM_MININTERVAL` seconds (60) where a bar cannot be drawn.

    For whoever asks it remains a disabled bar, and one that is disabled on purpose stays silent.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.talks = bool(self.disable) and kwargs.get("disable", False) is None
        if self.talks:
            self.desc = kwargs.get("desc") or (args[1] if len(args) > 1 else "")
            self.unit, self.unit_scale = kwargs.get("unit", "it"), kwargs.get("unit_scale", False)
            self.done: float = self.n
            self.first, self.began = self.n, time.monotonic()
            self.said, self.every = self.began, float(os.environ.get(VARIABLE) or EVERY_S)

    def __iter__(self) -> Iterator[Any]:
        if not self.talks:
            yield from super().__iter__()
            return
        for item in self.iterable:
            yield item
            self.update()

    def update(self, n: float | None = 1) -> bool | None:
        if not self.talks:
            return super().update(n)
        self.done += n or 0
        now = time.monotonic()
        finished = self.said > self.began and self.done == self.total  # whose beginning was told
        if now - self.said >= self.every or finished:
            self.said = now
            line = self.format_meter(
                self.done,
                self.total or 0,
                now - self.began,
                prefix=self.desc,
                unit=self.unit,
                unit_scale=self.unit_scale,
                initial=self.first,
                bar_format="{desc}: {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}]",
            )
            print(line, file=sys.stderr, flush=True)
        return None


def in_lines() -> None:
    """Let the bars of everything that is imported from now on write lines where they cannot be drawn."""
    tqdm.tqdm = Lines  # type: ignore[misc]
