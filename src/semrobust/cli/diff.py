"""The verb that compares two runs."""

from __future__ import annotations

from pathlib import Path

import click

from semrobust.errors import ArtifactError, UsageError, similar
from semrobust.pipeline import record
from semrobust.pipeline.plan import ROOT


@click.command()
@click.argument("first", metavar="RUN_A")
@click.argument("second", metavar="RUN_B")
@click.option("--table", "chosen", metavar="NAME", help="Show every row of this table whose intervals do not meet.")
def diff(first: str, second: str, chosen: str | None) -> None:
    """Compare the published tables of two runs: settings, rows, and intervals that do not meet.

    Of each table the number that has an interval is compared, row by row of the same system, attack, SNR and so on. Of
    those that do not meet the furthest apart is shown.
    """
    import pandas as pd

    from semrobust.tables.difference import difference

    tables = [_tables(run) for run in (first, second)]
    common = [name for name in tables[0] if name in tables[1]]
    if chosen is not None and chosen not in common:
        raise UsageError(f"no table '{chosen}'{similar(chosen, common)} of both runs; there are: {', '.join(common)}")
    for name in common if chosen is None else [chosen]:
        paths = [of[name] for of in tables]
        found = difference(name, *(pd.read_csv(path) for path in paths))
        parts = [f"{found.both} rows of both"]
        parts += [f"{count} of {run} alone" for run, count in ((first, found.first), (second, found.second)) if count]
        parts += [] if found.value is None else [f"{found.value}: {len(found.apart)} do not meet"]
        click.echo(f"{name:<18} {', '.join(parts)}")
        for line in found.apart[: None if chosen else 1]:
            click.echo(f"{'':<18} {line}")
        if changed := _settings(paths):
            click.echo(f"{'':<18} first difference in settings: {changed}")


def _tables(run: str) -> dict[str, Path]:
    """Published tables of a run by name; raises UsageError if it has none."""
    found = {path.stem: path for path in sorted((ROOT / run / "results").glob("*.csv"))}
    if not found:
        known = [folder.parent.name for folder in sorted(ROOT.glob("*/results"))]
        raise UsageError(f"no tables of a run '{run}'{similar(run, known)}; there are those of: {', '.join(known)}")
    return found


def _settings(paths: list[Path]) -> str:
    """The first setting in which two tables' records differ, other than the run's name; nothing if one has none."""
    try:
        first, second = (record.read(path.with_suffix(".json"))["settings"] for path in paths)
    except (ArtifactError, record.EarlierRelease):
        return ""
    return record.difference({**first, "run": None, "caption": None}, {**second, "run": None, "caption": None})
