"""What jobs cost on the machine where they were measured: the table `benchmarks/jobs.csv`, one row per job.

`workflow/costs.py` collects it from Snakemake's own measurements.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from semrobust.errors import ArtifactError
from semrobust.pipeline import files

TABLE = Path("benchmarks/jobs.csv")


@dataclass(frozen=True)
class Cost:
    """One job: `rule` and `name` as in its log file `data/PRESET/logs/RULE/NAME.log`.

    Attributes:
        seconds: wall time, the shortest of several measurements; a training's the longest.
        threads: threads that the job was given.
        output_bytes: size of what it made.
        source: who measured the time: Snakemake's "benchmark" or "metadata", the "epochs" of a training's own log, or
            the steps of `semrobust bench trainings`.
        max_rss_mb: largest resident memory of all its processes together, in MiB; None = not measured.
        cpu_seconds: user and system time of its processes, sampled at least every 30 s; None = not measured.
    """

    rule: str
    name: str
    preset: str
    seconds: float
    threads: int
    output_bytes: int
    source: str
    max_rss_mb: float | None = None
    cpu_seconds: float | None = None

    @property
    def alone_seconds(self) -> float:
        """Wall time on an idle machine: what its threads were busy, where that is known."""
        busy = self.seconds if self.cpu_seconds is None else self.cpu_seconds / self.threads
        return min(self.seconds, busy)


FIELDS = tuple(field.name for field in dataclasses.fields(Cost))


def read(path: Path = TABLE) -> list[Cost]:
    """Read the table; raises ArtifactError if it is missing or not such a table."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_cost(row) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        message = f"{path} is no table of job costs: {error}. Make it with `python workflow/costs.py`"
        raise ArtifactError(message) from error


def write(costs: Iterable[Cost], path: Path = TABLE) -> None:
    """Write the table, sorted by preset, rule and name."""
    text = io.StringIO()
    rows = csv.DictWriter(text, FIELDS, lineterminator="\n")
    rows.writeheader()
    for cost in sorted(costs, key=lambda cost: (cost.preset, cost.rule, cost.name)):
        rows.writerow({name: _text(value) for name, value in dataclasses.asdict(cost).items()})
    files.write_text(path, text.getvalue())


def _text(value: object) -> object:
    return f"{value:.1f}" if isinstance(value, float) else value


def _cost(row: dict[str, str]) -> Cost:
    def number(name: str) -> float | None:
        return float(row[name]) if row[name] else None

    return Cost(
        rule=row["rule"],
        name=row["name"],
        preset=row["preset"],
        seconds=float(row["seconds"]),
        threads=int(row["threads"]),
        output_bytes=int(row["output_bytes"]),
        source=row["source"],
        max_rss_mb=number("max_rss_mb"),
        cpu_seconds=number("cpu_seconds"),
    )
