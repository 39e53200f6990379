"""Verbs of the workflow: the plan of a run, and the copies of finished tables and figures."""

from __future__ import annotations

from pathlib import Path

import click

from semrobust.cli.base import params_files
from semrobust.cli.steps import planned


@click.command()
@params_files
def plan(files: tuple[Path, ...]) -> None:
    """Write the plan of a run to data/RUN/plan: every artifact with its key, settings and inputs, a file per stage.

    The workflow does it before its jobs start, and `dvc repro` first of all: a stage whose file has not changed has
    nothing to do.
    """
    whole = planned(files)
    click.echo(f"{whole.write()}: {len(whole)} artifacts")


@click.command()
@click.option("--plan", "folder", help="Folder with the plan of the run, instead of params (the workflow gives it).")
@params_files
def publish(files: tuple[Path, ...], folder: str | None) -> None:
    """Copy tables and figures that are made to their plain names, where they are not yet or were altered."""
    from semrobust.pipeline import work

    for artifact in planned(files, folder):
        if work.is_made(artifact) and not work.is_published(artifact):
            work.publish(artifact)
            click.echo(f"{artifact.plain_stem}")
