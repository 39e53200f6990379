"""What all verbs share: the options `--params` and `--key`, and errors as one line with an exit code."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path

import click

from semrobust.core import locks
from semrobust.core.errors import SemrobustError, UsageError
from semrobust.core.files import cannot_write
from semrobust.core.jobs import Job
from semrobust.core.layout import Layout
from semrobust.core.params import Params, load

Verb = Callable[..., None]


class Group(click.Group):
    """Turns our errors into one message and their exit code; anything else keeps its traceback."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except SemrobustError as error:
            failed = error
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            failed = cannot_write(Path(error.filename or Path.cwd()), error)
        click.echo(f"semrobust: {failed}", err=True)
        return context.exit(failed.exit_code)


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
    """Load the params and check that the job is the one the workflow planned; returns them and the command line.

    The job's lock is held until the verb ends: while another process makes the same artifact, this one waits. So an
    orphan of a killed run and the job that takes its place never write the same files or train in the same scratch.
    """
    params = load(files)
    planned = job(params)
    if key is not None and key != planned.key:
        raise UsageError(
            f"the {planned.kind} job '{planned.name}' was planned with other params or code: a file changed while the "
            "workflow was running. Start the workflow again."
        )
    click.get_current_context().with_resource(locks.alone(_lock(params, planned), f"{planned.kind} '{planned.name}'"))
    command = ["semrobust", *(argument for argument in sys.argv[1:] if key is None or argument not in ("--key", key))]
    return params, command


def _lock(params: Params, job: Job) -> Path:
    """All runs of a folder share the raw downloads, so they make their datasets one after another."""
    layout = Layout(params.run)
    return layout.downloads / "dataset.lock" if job.kind == "dataset" else layout.lock(f"{job.kind}-{job.name}")
