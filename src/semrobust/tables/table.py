"""What every result table is: its columns, what they promise, and the function that makes it.

A table is one file of this package with a `Table` named `TABLE` in it; the file's name is the table's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd
import pandera.pandas as pandera

from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import Plain
from semrobust.pipeline import select, step
from semrobust.pipeline.step import Need
from semrobust.pipeline.work import Input, Work
from semrobust.tables.statistics import Bootstrap

if TYPE_CHECKING:
    from semrobust.config.params import Params

Row = dict[str, Any]
COMMON = ("run", "dataset", "system", "channel", "snr_db", "seed", "n_images")
"""Columns that every table begins with."""

INTERVAL = "bootstrap over images, 95%"

_RATES = (
    "ssim", "block_error_rate", "decode_failure_rate", "infeasible_rate", "success_rate", "vanished_rate",
    "breakable_rate", "accuracy", "flip_rate", "converged_rate", "lost_rate",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Table:
    """One result table.

    Attributes:
        columns: names behind `COMMON`, in their order.
        brackets: the column whose value lies between those of its stem with `_low` and `_high`; None without any.
        needs: the artifacts that it is made from.
        settings: what else its content depends on, beside what every table depends on (`tables.step`).
        make: the rows, all columns or more of them; gets settings and inputs, and no params.
        caption: see `pipeline.captions`.
    """

    columns: tuple[str, ...]
    needs: Callable[[Params], Iterable[Need]]
    make: Callable[[Work], pd.DataFrame]
    caption: str
    settings: Callable[[Params], Plain] = lambda _: {}
    brackets: str | None = None

    def checked(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with exactly the promised columns, rates in [0,1] and intervals around their values."""
        names = [*COMMON, *self.columns]
        if frame.empty:  # the run has nothing that the table is about
            frame = pd.DataFrame(columns=names)
        rates = {name: [pandera.Check.in_range(-1.0 if name == "ssim" else 0.0, 1.0)] for name in _RATES}
        columns = {name: pandera.Column(checks=rates.get(name, []), nullable=True, coerce=False) for name in names}
        checks = [] if self.brackets is None else [pandera.Check(self._bracketed)]
        schema = pandera.DataFrameSchema(columns, strict=True, ordered=True, checks=checks)
        return schema.validate(frame[names])

    @property
    def interval(self) -> tuple[str, str, str]:
        """Columns of the value with an interval, of its low and of its high end; only where there is one."""
        assert self.brackets is not None
        stem = self.brackets.removesuffix("_mean").removesuffix("_rate")
        return self.brackets, f"{stem}_low", f"{stem}_high"

    def _bracketed(self, frame: pd.DataFrame) -> pd.Series[bool]:
        value, low, high = (frame[column] for column in self.interval)
        slack = 1e-9 * value.abs()
        return value.isna() | ((low <= value + slack) & (value <= high + slack))


@cache
def names() -> tuple[str, ...]:
    """Names of all tables of this package; nothing is imported."""
    return tuple(step.named("semrobust.tables", "TABLE"))


def table(name: str) -> Table:
    """A table by its name; imports its file alone."""
    found: Table = step.defined("semrobust.tables", "TABLE", name)[1]
    return found


def facts(params: Params, systems: Iterable[str]) -> Plain:
    """What tables say of systems without running them."""

    def fact(name: str) -> Plain:
        kind = SYSTEMS[params.systems[name].kind]
        texts = {key: value for key, value in select.system(params, name).items() if isinstance(value, str)}
        return {"side": kind.side, "codec": kind.codec_name, "study": params.systems[name].study, **texts}

    return {"systems": {name: fact(name) for name in systems}}


def common(work: Work, system: str, snr_db: float, images: int, channel: str = "awgn") -> Row:
    """What every row of every table says."""
    given = work.settings
    values = (given["run"], given["dataset"], system, channel, snr_db, given["seed"], images)
    return dict(zip(COMMON, values, strict=True)) | {"interval": INTERVAL}


def bootstrap(work: Work) -> Callable[[int], Bootstrap]:
    """Resamples for a number of images, made once."""
    return cache(lambda images: Bootstrap(images, work.settings["bootstrap_samples"], work.seed))


def samples(source: Input) -> pd.DataFrame:
    """The per-image rows of an input."""
    return pd.read_parquet(source.path())
