"""The command line: one verb per rule of the workflow. Heavy modules are imported inside the verbs.

Exit codes: 0 done, 1 a result or an input fails a check, 2 wrong use or wrong params.
"""

from __future__ import annotations

import click

from semrobust.cli.base import Group

# verb: (module of this package that defines it by the same name, its line in the help)
VERBS = {
    "data": ("jobs", "Fetch and check the images, and split them"),
    "train": ("jobs", "Train SYSTEM, or construct it if it does not learn"),
    "attack": ("jobs", "Search the least power at which ATTACK ruins images"),
    "noise": ("jobs", "Make semantic noise against SYSTEM, which names classes"),
    "evaluate": ("jobs", "Measure quality, and turn per-image results into tables"),
    "figure": ("jobs", "Draw FIGURE as PDF and PNG, with its record"),
    "report": ("jobs", "Write the report of a finished run as one HTML file"),
    "compare": ("reports", "Say of each claim of the papers whether it holds"),
    "budget": ("reports", "Print bits, symbols and bandwidth of each system"),
    "audit": ("audit", "Verify what a run made against its records"),
    "crate": ("audit", "Export the whole run as an RO-Crate"),
    "doctor": ("doctor", "Look for what would stop a run, and say how long it takes"),
    "bench": ("bench", "Measure speed on this machine"),
    "completion": ("completion", "Print the completion script of a shell"),
}


@click.group(cls=Group, verbs=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="semrobust")
def main() -> None:
    """Measure how robust semantic communication really is.

    Run in the project's root. The workflow (`snakemake --cores 2 all`) calls these verbs; each can be called by hand.
    """
