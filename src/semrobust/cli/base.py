"""What all verbs share: the options `--params` and `--key`, and errors as one line with an exit code."""

from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from semrobust.errors import SemrobustError, UsageError
from semrobust.pipeline.files import cannot_write

if TYPE_CHECKING:
    from semrobust.config.params import Params
    from semrobust.pipeline.jobs import Job

Verb = Callable[..., None]


class Group(click.Group):
    """Imports a verb's module when that verb is called: help and completion answer without any of them.

    `verbs` maps a verb to its module in `semrobust.cli` and its line in the help. Errors of ours become one
    message and their exit code; anything else keeps its traceback.
    """

    def __init__(self, *args: Any, verbs: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.verbs = verbs

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.verbs)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.verbs:
            return None
        command: click.Command = getattr(importlib.import_module(f"semrobust.cli.{self.verbs[name][0]}"), name)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.verbs.items()])

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        verbs = [
            CompletionItem(name, help=line) for name, (_, line) in self.verbs.items() if name.startswith(incomplete)
        ]
        return verbs + click.Command.shell_complete(self, context, incomplete)

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


def load(files: tuple[Path, ...]) -> Params:
    """Load the params of a verb."""
    from semrobust.config.params import load  # with pydantic: three times as long as everything that help needs

    return load(files)


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
    from semrobust.cli import progress
    from semrobust.pipeline import locks

    progress.in_lines()
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
    from semrobust.pipeline.layout import Layout

    layout = Layout(params.run)
    return layout.downloads / "dataset.lock" if job.kind == "dataset" else layout.lock(f"{job.kind}-{job.name}")
