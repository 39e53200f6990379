"""The networks of a run, on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from semrobust.cli import progress
from semrobust.cli.base import columns, load, params_files
from semrobust.pipeline.plan import Plan

_SHOWN = ("system", "kind", "parameters", "bytes", "state", "epochs", "snr_db", "precision", "clean", "attacked")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with more columns.")
@click.option("--retrain", "anew", is_flag=True, help="Train all anew; the old ones stay until the new ones are whole.")
@params_files
def models(as_json: bool, anew: bool, files: tuple[Path, ...]) -> None:
    """List the networks of a run: size, whether each file is here and what its record says, training, results.

    Results are those of tables that were made with these params. The workflow trains what is missing. What was measured
    with replaced networks is refused from then on: remove data/RUN/samples.
    """
    from semrobust.training import networks

    params = load(files)
    plan = Plan.of(params, files)
    if anew:
        from semrobust.training.retrain import retrain

        progress.in_lines()
        retrain(plan, ["semrobust", *sys.argv[1:]], lambda line: click.echo(line, err=True))
    found = networks.rows(params, plan)
    if as_json:
        click.echo(json.dumps({"columns": networks.COLUMNS, "systems": found}, indent=1, ensure_ascii=False))
        return
    columns([list(_SHOWN), *([_text(row[column]) for column in _SHOWN] for row in found)], left=2)
    whole = sum(row["bytes"] for row in found) / 2**20
    here = sum(row["state"] == "ok" for row in found)
    click.echo(f"\n{len(found)} networks, {here} of them here; together {whole:.1f} MiB")
    for column in _SHOWN[2:]:
        click.echo(f"{column:<12}{networks.COLUMNS[column]}")


def _text(value: object) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
