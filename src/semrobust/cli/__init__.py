"""The command line: one verb per step of the pipeline, and verbs that say something about a run.

Verbs of steps follow from the steps (`cli.steps`); here stand the others. Heavy modules are imported inside verbs.
Exit codes: 0 done, 1 a result or an input fails a check, 2 wrong use or wrong params.
"""

from __future__ import annotations

import click

from semrobust.cli.steps import StepGroup

VERBS = {
    "evaluate": ("semrobust.cli.steps", "The steps that measure, and those that make tables"),
    "compare": ("semrobust.cli.reports", "Say of each claim of the papers whether it holds"),
    "diff": ("semrobust.cli.diff", "Compare the tables of two runs"),
    "rank": ("semrobust.cli.rank", "Sort the systems by how hard they are to break"),
    "verify": ("semrobust.cli.rank", "Decode the vectors of a submission again"),
    "submit": ("semrobust.cli.rank", "Write vectors of your own as a submission"),
    "budget": ("semrobust.cli.reports", "Print bits, symbols and bandwidth of each system"),
    "models": ("semrobust.cli.models", "List the networks of a run, and whether they are here"),
    "audit": ("semrobust.cli.audit", "Verify what a run made against its records"),
    "crate": ("semrobust.cli.audit", "Export the whole run as an RO-Crate"),
    "plan": ("semrobust.cli.plan", "Say what a run would make and why, and write it down"),
    "publish": ("semrobust.cli.plan", "Copy finished tables and figures to their plain names"),
    "restore": ("semrobust.cli.plan", "Take published tables and figures of a run for made"),
    "gc": ("semrobust.cli.gc", "Find, and remove, what no params file asks for"),
    "doctor": ("semrobust.cli.doctor", "Look for what would stop a run"),
    "bench": ("semrobust.cli.bench", "Measure speed on this machine"),
    "completion": ("semrobust.cli.completion", "Print the completion script of a shell"),
}
"""Verb: the module that defines it by the same name, and its line in the help."""


@click.group(cls=StepGroup, verbs=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="semrobust")
def main() -> None:
    """Measure how robust semantic communication really is.

    Run in the project's root. The workflow (`snakemake --cores 2 all`) calls these verbs; each can be called by hand.
    """
