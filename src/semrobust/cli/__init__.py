"""The command line: one verb per rule of the workflow. Heavy modules are imported inside the verbs.

Exit codes: 0 done, 1 a result or an input fails a check, 2 wrong use or wrong params.
"""

from __future__ import annotations

import click

from semrobust.cli import bench, jobs, reports
from semrobust.cli.base import Group


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="semrobust")
def main() -> None:
    """Measure how robust semantic communication really is.

    Run in the project's root. The workflow (`snakemake --cores 2 all`) calls these verbs; each can be called by hand.
    """


for verb in (jobs.data, jobs.train, jobs.attack, jobs.noise, jobs.evaluate, jobs.figure):
    main.add_command(verb)
for verb in (reports.compare, reports.budget, bench.bench):
    main.add_command(verb)
