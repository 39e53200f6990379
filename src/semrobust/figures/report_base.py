"""What all blocks of the report share: the run's tables and records, numbering, captions, and tables over SNR."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from semrobust.config.params import Params, load
from semrobust.config.registry import FIGURES
from semrobust.config.settings import Plain
from semrobust.figures import report_html as write
from semrobust.figures.report_html import Html
from semrobust.pipeline import captions, outputs
from semrobust.pipeline import record as provenance
from semrobust.pipeline.layout import Layout

Measure = tuple[str, str, str]
"""Columns of a value and the ends of its interval."""

_SNRS = 6
"""At most so many SNRs stand side by side in a table."""


class Book:
    """The report of the run of these params files, whose tables and figures are finished.

    Raises ArtifactError where a record is missing, ParamsError for params that no run can have.
    """

    def __init__(self, files: Sequence[str | Path]) -> None:
        self.files = [Path(file) for file in files]
        self.params: Params = load(self.files)
        self.layout = Layout(self.params.run)
        self._numbers: Counter[str] = Counter()
        self._records: dict[str, Plain] = {
            **{name: provenance.read(self.layout.table(name)) for name in outputs.TABLES},
            **{name: provenance.read(self.layout.figure(name)) for name in FIGURES},
        }
        self.labels = {name: system.label for name, system in self.params.systems.items()}

    def table(self, name: str) -> pd.DataFrame:
        """A result table as it stands in its file."""
        return pd.read_csv(self.layout.table(name))

    def figures(self, prefix: str) -> Html:
        """All figures whose names begin so, with captions and provenance."""
        return write.joined(self._figure(name) for name in FIGURES if name.startswith(prefix))

    def _figure(self, name: str) -> Html:
        png, caption = self.layout.figure(name, ".png"), captions.figure(self.params, name)
        made_from = ", ".join(Path(path).name for path in self._records[name]["inputs"] if not path.endswith(".json"))
        origin = Html(
            f"<code>semrobust:{self._records[name]['id']}</code> · <code>{png.with_suffix('.pdf').as_posix()}</code> · "
            f"from {made_from}"
        )
        content = write.picture(png, caption.title)
        return write.captioned(content, "figure", name, self._next("Figure"), caption, origin)

    def _next(self, kind: str) -> str:
        self._numbers[kind] += 1
        return f"{kind} {self._numbers[kind]}"

    def _shown(
        self,
        name: str,
        header: Sequence[str],
        rows: Sequence[Sequence[object]],
        note: str,
        texts: int = 1,
        css: str = "",
    ) -> Html:
        """A part of the result table `name` with its caption; `note` says what part, and is empty for all of it."""
        caption = captions.table(self.params, name)
        path = self.layout.table(name).as_posix()
        origin = Html(f"<code>semrobust:{self._records[name]['id']}</code> · <code>{path}</code>")
        part = f"{note}\n\nThe whole table: {caption.body[0].lower()}{caption.body[1:]}"
        shown = captions.Caption(caption.title, part if note else caption.body)
        content = write.table(header, rows, texts, css)
        return write.captioned(content, "table", f"table_{name}", self._next("Table"), shown, origin)

    def _snrs(self, frame: pd.DataFrame) -> list[float]:
        """A few of the SNRs of a table, the lowest and the highest among them."""
        given = sorted(frame["snr_db"].dropna().unique())
        if len(given) <= _SNRS:
            return [float(snr_db) for snr_db in given]
        last = len(given) - 1
        return [float(given[round(step * last / (_SNRS - 1))]) for step in range(_SNRS)]

    def _over_snr(
        self, name: str, frame: pd.DataFrame, key: str, labels: dict[str, str], columns: Measure, note: str,
        first: str = "system",
    ) -> Html:  # fmt: skip
        """One line per value of `key` that has a label, one column per SNR: value and interval."""
        snrs, rows = self._snrs(frame), []
        for value, label in labels.items():
            of = frame[frame[key] == value].set_index("snr_db")
            if len(of):
                rows.append([label, *(cell(of, snr_db, columns) for snr_db in snrs)])
        return self._shown(name, [first, *(f"{snr_db:g} dB" for snr_db in snrs)], rows, note)

    def _pairs(self, frame: pd.DataFrame) -> dict[str, str]:
        """Labels of pairs of systems, as they follow each other in a table."""
        found = {}
        for pair in frame["system"].unique():
            semantic, classical = str(pair).split("/")
            if semantic in self.labels and classical in self.labels:
                found[str(pair)] = f"{self.labels[semantic]} ÷ {self.labels[classical]}"
        return found


def cell(frame: pd.DataFrame, at: float | str, columns: Measure) -> Html:
    """Value and interval in the row with this index; a dash where there is none."""
    if at not in frame.index:
        return Html("–")
    value, low, high = frame.loc[[at], list(columns)].to_numpy(dtype=float)[0]
    return write.interval(value, low, high)


def measure(name: str) -> Measure:
    """The columns of a measure and its interval, as most tables call them."""
    return name, f"{name}_low", f"{name}_high"


def at_snr(frame: pd.DataFrame) -> str:
    """The SNR of rows that share one."""
    return f"{frame['snr_db'].iloc[0]:g} dB" if len(frame) else "the highest SNR"
