"""Verbs that are steps of the pipeline: `semrobust attack SYSTEM ATTACK` makes one artifact with its record.

They follow from the steps' files: the verb is the step's kind, its help the file's docstring, and both are read without
importing a step.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from semrobust.cli import names
from semrobust.cli.base import Group, clock, load, params_files
from semrobust.errors import UsageError
from semrobust.pipeline.step import description, modules, summary

if TYPE_CHECKING:
    from semrobust.pipeline.plan import Artifact, Plan

ALIASES = {"data": "dataset"}
MEASURED = ("semrobust.measure", "semrobust.tables")
"""Rooms whose steps are verbs of `evaluate`, too."""


class StepGroup(Group):
    """A group with a verb for every step in some rooms, before its other verbs."""

    rooms: tuple[str, ...] = ()

    def steps(self) -> dict[str, str]:
        """Module by verb."""
        verbs = {kind: verb for verb, kind in ALIASES.items()}
        found = {verbs.get(kind, kind): module for kind, module in modules().items()}
        return {verb: module for verb, module in found.items() if not self.rooms or module.startswith(self.rooms)}

    def list_commands(self, context: click.Context) -> list[str]:
        return [*self.steps(), *super().list_commands(context)]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        verbs = {kind: verb for verb, kind in ALIASES.items()}
        module = self.steps().get(verbs.get(name, name))
        return super().get_command(context, name) if module is None else _command(name, module)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Steps"):
            formatter.write_dl([(verb, summary(module)) for verb, module in self.steps().items()])
        if self.verbs:
            super().format_commands(context, formatter)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        steps = [CompletionItem(verb, help=summary(module)) for verb, module in self.steps().items()]
        found = [item for item in steps if item.value.startswith(incomplete)]
        return found + super().shell_complete(context, incomplete)


class Measures(StepGroup):
    """The steps that measure or make tables."""

    rooms = MEASURED


@click.group(cls=Measures, verbs={})
def evaluate() -> None:
    """Measure quality, and turn per-image results into tables. Each of these is a verb of its own, too."""


def _command(verb: str, module: str) -> click.Command:
    """The verb of a step."""
    words = [word for word in summary(module).replace(",", " ").split() if word.isupper() and len(word) > 3]

    def make(**options: Any) -> None:
        _make(ALIASES.get(verb, verb), **options)

    argument = click.Argument(
        ["words"], metavar=" ".join(words) or None, nargs=-1, shell_complete=names.of_step(module)
    )
    known = names.of_files(module)
    epilog = f"Names: {', '.join(known)}." if known else None
    command = click.Command(verb, callback=make, params=[argument], help=description(module), epilog=epilog)
    command = params_files(command)
    for option, text in (
        ("--key", "Refuse to run if what is to be made has not this key (the workflow gives it)."),
        ("--plan", "Folder with the plan of the run, instead of params (the workflow gives it)."),
    ):
        command = click.option(option, help=text)(command)
    return command


def _make(kind: str, words: tuple[str, ...], files: tuple[Path, ...], key: str | None, plan: str | None) -> None:
    """Make the artifact `kind/words` of the run."""
    from semrobust.cli import progress

    progress.in_lines()  # before a step imports tqdm
    from semrobust.pipeline.work import is_made, make

    whole = planned(files, plan)
    artifact = _asked(whole, kind, words, () if plan else files)
    if key is not None and artifact.key != key:
        raise UsageError(
            f"{artifact.address} was planned with other params or code: a file changed while the workflow was running. "
            "Start the workflow again."
        )
    given = [argument for source in whole.sources for argument in ("--params", source)]
    name = artifact.name.split(".") if words else []
    verbs = {step: verb for verb, step in ALIASES.items()}
    began, was_made = time.monotonic(), is_made(artifact)
    make(whole, artifact.address, ["semrobust", verbs.get(kind, kind), *name, *given])
    took = "was here" if was_made else clock(time.monotonic() - began)
    said = importlib.import_module(artifact.module).STEP.says(artifact)
    click.echo(f"{artifact.address}: {said}{'; ' if said else ''}{artifact.plain_path} ({took})", err=True)


def planned(files: tuple[Path, ...], folder: str | None = None) -> Plan:
    """The plan of the params in these files, or the one that is stored in a folder."""
    from semrobust.pipeline.plan import Plan

    return Plan.current(files) if folder is None else Plan.read(Path(folder))


def _asked(plan: Plan, kind: str, words: Iterable[str], files: tuple[Path, ...]) -> Artifact:
    """The artifact that is meant; without words the only one of its kind. Raises UsageError, and says why if it can."""
    name = ".".join(words)
    only = [artifact.name for artifact in plan if artifact.kind == kind]
    if not name and len(only) > 1:
        more = f" and {len(only) - 12} more" if len(only) > 12 else ""
        raise UsageError(f"name one of: {', '.join(only[:12])}{more}")
    address = f"{kind}/{only[0] if not name and len(only) == 1 else name}"
    if address not in plan.artifacts and files:
        from semrobust.pipeline.step import steps

        if said := steps()[kind].why_not(load(files), name):
            raise UsageError(said)
    return plan[address]
