"""Verbs of the workflow: the plan of a run, and the copies of finished tables and figures."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from semrobust.cli.base import params_files
from semrobust.cli.steps import planned

_NAMED = 3  # artifacts of a step


@click.command()
@params_files
def plan(files: tuple[Path, ...]) -> None:
    """Say what a run would make and why, and write the plan to data/RUN/plan.

    That is every artifact with its key, settings and inputs, a file per stage. The workflow does it before its jobs
    start, and `dvc repro` first of all: a stage whose file has not changed has nothing to do.
    """
    from semrobust.pipeline.why import missing
    from semrobust.pipeline.work import asked, is_made

    whole = planned(files)
    counts = Counter(artifact.kind for artifact in whole)
    lacking: dict[tuple[str, str], list[str]] = {}
    for artifact in asked(whole):
        if not is_made(artifact):
            lacking.setdefault((artifact.kind, missing(artifact)), []).append(artifact.name)
    for (kind, why), names in lacking.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        click.echo(f"{kind:<10} {len(names):>3} of {counts[kind]:<3} {', '.join(names[:_NAMED])}{more}: {why}")
    jobs = sum(map(len, lacking.values()))
    todo = f"{jobs} to make" if jobs else "nothing to make"
    click.echo(f"{whole.write()}: {len(whole)} artifacts, {todo}")


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


@click.command()
@params_files
def restore(files: tuple[Path, ...]) -> None:
    """Take published tables and figures that are those of these params for made.

    In a clone they are here and the samples behind them are not. After this `snakemake figures` draws from the tables
    that are here and measures only for those that are not; `snakemake all` asks for all samples again.
    """
    from semrobust.pipeline import work

    found = [artifact for artifact in planned(files) if work.restore(artifact)]
    for artifact in found:
        click.echo(f"{artifact.plain_stem}")
    click.echo(f"{len(found)} tables and figures restored")
