"""Verbs that say something about a run or its systems, and make no artifact."""

from __future__ import annotations

import json
from pathlib import Path

import click

from semrobust.cli import names
from semrobust.cli.base import columns, load, params_files
from semrobust.errors import ArtifactError, UsageError, similar
from semrobust.pipeline import work
from semrobust.pipeline.audit import Audit, Status
from semrobust.pipeline.captions import banner
from semrobust.pipeline.plan import ROOT, Plan, beside


@click.command()
@params_files
def compare(files: tuple[Path, ...]) -> None:
    """Say of each claim of the two papers whether it holds in this run, and by which rule.

    Reads the published table paper_vs_ours.csv, and refuses one that was edited or made with other params. Of an
    earlier release the other tables are read, and judged by the rules of this one.
    """
    import pandas as pd

    from semrobust.claims.claim import report
    from semrobust.tables import paper_vs_ours

    params = load(files)
    plan = Plan.of(params, files)
    path, earlier = published(plan, "paper_vs_ours")
    if said := banner(params):
        click.echo(f"{said}\n")
    if earlier:
        click.echo(
            f"semrobust: {earlier}. They are judged by the rules of this one, so verdicts may differ from those in "
            f"{path.name}. To have all made by this one, {_making(plan)}\n",
            err=True,
        )
    click.echo(report(paper_vs_ours.published(params, path.parent) if earlier else pd.read_csv(path)))


def _making(plan: Plan) -> str:
    """What to run for the tables; params.yaml is Snakemake's own."""
    overlays = [source for source in plan.sources if source != "params.yaml"]
    return f"run `snakemake --cores 2 results{' --configfile ' * bool(overlays)}{' '.join(overlays)}`"


def published(plan: Plan, name: str) -> tuple[Path, str]:
    """A table under its plain name, and what is to be said of it if an earlier release made it.

    Raises ArtifactError if it is missing, or another one.
    """
    table = plan[f"table/{name}"]
    assert table.plain_stem is not None
    path, record = beside(table.plain_stem, table.suffixes[0]), beside(table.plain_stem, ".json")
    if not path.exists() or not record.exists():
        raise ArtifactError(f"{path} or its record is missing: {_making(plan)} first")
    if work.is_published(table):
        return path, ""
    finding = Audit(plan).file(record)
    if finding.status is Status.EARLIER:
        return path, f"the tables in {path.parent} are of an earlier release"
    why = "; ".join(text for _, text in finding.problems)
    raise ArtifactError(f"{path} is not what these params ask for: {why}. To make it, {_making(plan)}")


_COLUMNS = {
    "system": "name in the params",
    "real_uses": "real channel uses per image",
    "symbols": "complex symbols per image, two real uses each",
    "cbr": "channel bandwidth ratio, symbols per value of the image",
    "bandwidth_ratio": "real uses per value of the image",
    "coded_bits": "bits after the channel code, per image",
    "message_bits": "bits before the channel code, per image",
    "source_bytes": "largest compressed image that fits",
}
"""What the columns of `systems.budget.rows` are."""


@click.command()
@click.argument("chosen", metavar="[SYSTEM]...", nargs=-1, shell_complete=names.systems)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; null where a system has no such number.")
@params_files
def budget(chosen: tuple[str, ...], as_json: bool, files: tuple[Path, ...]) -> None:
    """Print bits, symbols, CBR and bandwidth ratio of each SYSTEM (of all, if none is named), from its real shapes."""
    from semrobust.systems import budget as budgets

    params = load(files)
    if unknown := [name for name in chosen if name not in params.systems]:
        near = similar(unknown[0], params.systems)
        raise UsageError(f"unknown system '{unknown[0]}'{near}; params have: {', '.join(params.systems)}")
    if chosen:
        params = params.model_copy(update={"systems": {name: params.systems[name] for name in chosen}})
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in budgets.rows(params)]
    silent = [name for name in params.systems if name not in {row["system"] for row in rows}]
    if as_json:
        plain = [{key: value if key == "system" else _number(value) for key, value in row.items()} for row in rows]
        click.echo(json.dumps({"columns": _COLUMNS, "systems": plain, "send_nothing": silent}, indent=1))
        return
    columns([list(_COLUMNS), *(list(row.values()) for row in rows)])
    click.echo()
    for name, meaning in list(_COLUMNS.items())[1:]:
        click.echo(f"{name:<16}{meaning}")
    means = ROOT / params.run / "results" / "overhead.csv"
    click.echo(f"{'-':<16}there is none; 'by image': as long as the image's file, means in {means}")
    if silent:
        click.echo(f"Nothing over the air: {', '.join(silent)}")


def _number(value: str) -> float | int | None:
    """The number in a cell, None where there is none."""
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return None
