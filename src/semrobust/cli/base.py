"""What all verbs share: the options `--params` and `--key`, and errors as one line with an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from semrobust.core.errors import SemrobustError, UsageError
from semrobust.core.jobs import Job
from semrobust.core.params import Params, load

Verb = Callable[..., None]


class Group(click.Group):
    """Turns our errors into one message and their exit code; anything else keeps its traceback."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except SemrobustError as error:
            click.echo(f"semrobust: {error}", err=True)
            context.exit(error.exit_code)


params_files = click.option(
    "--params",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    default=[Path("params.yaml")],
    show_default=True,
    help="Params file; repeat it to overlay.",
)


def params_and_key(verb: Verb) -> Verb:
    """Add --params and --key, which every verb that is a rule takes."""
    key = "Refuse to run if the job's settings and code have not this digest (the workflow gives it)."
    return click.option("--key", help=key)(params_files(verb))


def checked(files: tuple[Path, ...], key: str | None, job: Callable[[Params], Job]) -> tuple[Params, list[str]]:
    """Load the params and check that the job is the one the workflow planned; returns them and the command line."""
    params = load(files)
    planned = job(params)
    if key is not None and key != planned.key:
        raise UsageError(
            f"the {planned.kind} job '{planned.name}' was planned with other params or code: a file changed while the "
            "workflow was running. Start the workflow again."
        )
    command = ["semrobust", *(argument for argument in sys.argv[1:] if key is None or argument not in ("--key", key))]
    return params, command
