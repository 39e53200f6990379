"""Verbs that say something about a run or its systems, and make no artifact."""

from __future__ import annotations

from pathlib import Path

import click

from semrobust.cli.base import load, params_files


@click.command()
@params_files
def compare(files: tuple[Path, ...]) -> None:
    """Say of each claim of the two papers whether it holds in this run, and by which rule."""
    from semrobust.evaluation import paper_vs_ours

    click.echo(paper_vs_ours.report(paper_vs_ours.read(load(files))))


@click.command()
@params_files
def budget(files: tuple[Path, ...]) -> None:
    """Print bits, symbols, CBR and bandwidth ratio of each system, from its real shapes."""
    from semrobust.systems import budget as budgets

    click.echo(budgets.table(load(files)))
