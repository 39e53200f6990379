"""The verb that looks at the machine and the project before a run does."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from semrobust.cli.base import params_files


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--quick", is_flag=True, help="Leave out the estimate of the time, which imports torch.")
@params_files
def doctor(as_json: bool, quick: bool, files: tuple[Path, ...]) -> None:
    """Look for what would stop a run or spoil its results: environment, machine, data, earlier runs.

    Says, too, how long a whole run of the params would take here. Exit code 1 if there is a problem.
    """
    from semrobust.cli.checks import environment, project, speed
    from semrobust.cli.checks.finding import Setting

    checks = [
        environment.python, environment.packages, environment.commands, environment.cores, environment.memory,
        environment.gpu, project.params, project.data, project.disk, project.git, project.earlier_runs,
    ]  # fmt: skip
    setting = Setting(files)
    found = [finding for check in (*checks, *([] if quick else [speed.duration])) for finding in check(setting)]
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
