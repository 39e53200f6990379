"""The verb that looks at the machine and the project before a run does."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from semrobust.cli.base import params_files


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@params_files
def doctor(as_json: bool, files: tuple[Path, ...]) -> None:
    """Look for what would stop a run or spoil its results: environment, machine, data, earlier runs.

    Says, too, how much of the run is made, and what its jobs took. Exit code 1 if there is a problem.
    """
    from semrobust.cli.checks import environment, project, run
    from semrobust.cli.checks.finding import Setting

    checks = [
        environment.python, environment.packages, environment.commands, environment.cores, environment.memory,
        environment.gpu, environment.kernels, project.params, project.plugins,
        project.data, project.disk, project.git, project.engines, run.progress, run.times, run.earlier,
    ]  # fmt: skip
    setting = Setting(files)
    found = [finding for check in checks for finding in check(setting)]
    healthy = all(finding.level != "problem" for finding in found)
    if as_json:
        click.echo(
            json.dumps({"ok": healthy, "findings": [dataclasses.asdict(finding) for finding in found]}, indent=1)
        )
    else:
        for finding in found:
            colour = {"ok": "green", "warning": "yellow", "problem": "red"}[finding.level]
            click.echo(f"{click.style(f'{finding.level:<8}', fg=colour)} {finding.subject:<9} {finding.found}")
            if finding.remedy:
                click.echo(f"{'':<18} -> {finding.remedy}")
    if not healthy:
        raise SystemExit(1)
