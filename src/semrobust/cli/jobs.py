"""Verbs that are rules of the workflow: each makes one artifact with its record."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from semrobust.cli import names
from semrobust.cli.base import checked, params_and_key


@click.command()
@params_and_key
def data(files: tuple[Path, ...], key: str | None) -> None:
    """Fetch and check the images, and split them."""
    from semrobust.pipeline import jobs

    params, command = checked(files, key, jobs.dataset)
    from semrobust.data import stage

    stage.run(params, command)


@click.command()
@click.argument("system", shell_complete=names.systems)
@params_and_key
def train(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Train SYSTEM, or construct it if it does not learn. Goes on where an interrupted training stopped."""
    from semrobust.pipeline import jobs

    params, command = checked(files, key, lambda params: jobs.model(params, system))
    if params.task(system) == "image" and params.systems[system].starts_from is not None:
        from semrobust.training import build_surrogate

        build_surrogate.run(params, system, command)
    elif params.task(system) == "image":
        from semrobust.training import build

        build.run(params, system, command)
    else:
        from semrobust.training import build_recognition

        build_recognition.run(params, system, command)


@click.command()
@click.argument("system", shell_complete=names.systems)
@click.argument("attack", shell_complete=names.attacks)
@params_and_key
def attack(system: str, attack: str, files: tuple[Path, ...], key: str | None) -> None:
    """Search the least power at which ATTACK ruins images sent by SYSTEM, over all SNRs."""
    from semrobust.config.registry import ATTACKS
    from semrobust.pipeline import jobs

    params, command = checked(files, key, lambda params: jobs.attack(params, system, attack))
    if ATTACKS[params.attacks[attack].kind].transfers:
        from semrobust.measure import transferred

        transferred.run(params, system, attack, command)
    else:
        from semrobust.measure import attack as attacked

        attacked.run(params, system, attack, command)


@click.command()
@click.argument("system", shell_complete=names.systems)
@params_and_key
def noise(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Make semantic noise on the test images against SYSTEM, which names classes."""
    from semrobust.pipeline import jobs

    params, command = checked(files, key, lambda params: jobs.noise(params, system))
    from semrobust.measure import noise as evaluation

    evaluation.run(params, system, command)


@click.group()
def evaluate() -> None:
    """Measure quality, and turn per-image results into tables."""


@evaluate.command()
@click.argument("system", shell_complete=names.systems)
@params_and_key
def clean(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Measure every test image sent by SYSTEM over all SNRs, without an attacker."""
    from semrobust.pipeline import jobs

    params, command = checked(files, key, lambda params: jobs.clean(params, system))
    from semrobust.measure import clean as evaluation

    evaluation.run(params, system, command)


@evaluate.command()
@click.argument("system", shell_complete=names.systems)
@params_and_key
def fading(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Measure test images sent by SYSTEM over every channel and SNR, without an attacker."""
    from semrobust.pipeline import jobs

    params, command = checked(files, key, lambda params: jobs.fading(params, system))
    from semrobust.measure import fading as evaluation

    evaluation.run(params, system, command)


@evaluate.command()
@click.argument("system", shell_complete=names.systems)
@params_and_key
def accuracy(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Measure how often SYSTEM names the right class, over channels, SNRs and semantic noise."""
    from semrobust.pipeline import jobs

    params, command = checked(files, key, lambda params: jobs.accuracy(params, system))
    from semrobust.measure import accuracy as evaluation

    evaluation.run(params, system, command)


@evaluate.command()
@click.argument("system", shell_complete=names.systems)
@params_and_key
def structure(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Search the LDPC code of SYSTEM for short cycles, trapping sets and codewords of low weight."""
    from semrobust.pipeline import jobs

    params, command = checked(files, key, lambda params: jobs.structure(params, system))
    from semrobust.measure import structure as evaluation

    evaluation.run(params, system, command)


@evaluate.command()
@click.argument("system", shell_complete=names.systems)
@params_and_key
def limits(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Compare the attacks on SYSTEM with theory: slopes of its receiver, or decision boundaries of its code."""
    from semrobust.pipeline import jobs

    params, command = checked(files, key, lambda params: jobs.limits(params, system))
    from semrobust.measure import theory as evaluation

    evaluation.run(params, system, command)


@evaluate.command()
@click.argument("system", shell_complete=names.systems)
@params_and_key
def criteria(system: str, files: tuple[Path, ...], key: str | None) -> None:
    """Search the least power that ruins images sent by SYSTEM under every criterion of ruin."""
    from semrobust.pipeline import jobs

    params, command = checked(files, key, lambda params: jobs.criteria(params, system))
    from semrobust.measure import criteria as evaluation

    evaluation.run(params, system, command)


class _Table(click.Command):
    """Lists the tables at the end of its help."""

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        from semrobust.pipeline import outputs

        with formatter.section("Tables"):
            formatter.write_text(", ".join(outputs.TABLES))


@evaluate.command(cls=_Table)
@click.argument("table", shell_complete=names.tables)
@params_and_key
def table(table: str, files: tuple[Path, ...], key: str | None) -> None:
    """Make the result TABLE."""
    from semrobust.pipeline import outputs

    params, command = checked(files, key, lambda params: outputs.table(params, table))
    importlib.import_module(f"semrobust.evaluation.{outputs.MODULES[table]}").run(params, table, command)


@evaluate.command()
@params_and_key
def metrics(files: tuple[Path, ...], key: str | None) -> None:
    """Take a run's headline numbers from its tables, for comparisons of runs."""
    from semrobust.pipeline import outputs

    params, command = checked(files, key, outputs.metrics)
    from semrobust.tables import metrics as headlines

    headlines.run(params, command)


@evaluate.command()
@params_and_key
def gallery(files: tuple[Path, ...], key: str | None) -> None:
    """Decode a few images under rising attack power, for the gallery figure."""
    from semrobust.pipeline import jobs

    params, command = checked(files, key, jobs.gallery)
    from semrobust.measure import gallery as pictures

    pictures.run(params, command)


@click.command()
@click.argument("figure", shell_complete=names.figures)
@params_and_key
def figure(figure: str, files: tuple[Path, ...], key: str | None) -> None:
    """Draw FIGURE as PDF and PNG, with the record of where it came from."""
    from semrobust.pipeline import outputs

    params, command = checked(files, key, lambda params: outputs.figure(params, figure))
    from semrobust.figures import render

    render.run(params, figure, command)


@click.command()
@params_and_key
def report(files: tuple[Path, ...], key: str | None) -> None:
    """Write the report of a finished run: one HTML file with its claims, tables and figures."""
    from semrobust.pipeline import outputs

    params, command = checked(files, key, outputs.report)
    from semrobust.figures import publish

    publish.run(params, files, command)
