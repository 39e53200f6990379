"""Directives on networks, read from their records when the site is built.

{run-networks}           the networks of the reference run, as `semrobust models` lists them
{run-trainings} RUN      how accurate those of the overlay params/RUN.yaml are on the validation images
"""

from __future__ import annotations

from contextlib import chdir

import numpy as np
from docutils import nodes  # type: ignore[import-untyped]
from reference_run import ROOT, markdown, params
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from semrobust.pipeline import numbers, record
from semrobust.pipeline.plan import Plan
from semrobust.tables.classified import accuracy
from semrobust.training.networks import COLUMNS, rows
from semrobust.training.train import learns

_SHOWN = (
    "label", "parameters", "bytes", "state", "epochs", "snr_db", "precision", "compiled_epochs", "clean", "attacked",
    "at_snr_db", "sha256",
)  # fmt: skip


class RunNetworks(SphinxDirective):
    """One row per network, then what the columns are."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        with chdir(ROOT):
            found = rows(params(), Plan.of(params()))
        body = [[_text(row["system"]), *(_text(row[column]) for column in _SHOWN)] for row in found]
        whole = sum(row["bytes"] for row in found) / 2**20
        lines = [
            "No network is here yet: the workflow trains them." if all(row["state"] != "ok" for row in found) else "",
            markdown(["system", *_SHOWN], body),
            f"{len(found)} networks, together {whole:.1f} MiB.",
            markdown(["column", "meaning"], [[f"`{column}`", COLUMNS[column]] for column in _SHOWN]),
        ]
        return self.parse_text_to_nodes("\n\n".join(lines))


class RunTrainings(SphinxDirective):
    """One row per network whose record is here: its accuracy on the validation images after the last epoch."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The table, with Wilson intervals, and where its numbers are from."""
        given = params(self.arguments[0])
        with chdir(ROOT):
            plan, images = Plan.of(given), given.data.validation_images
        body = []
        for name in given.systems:
            path = plan[f"train/{name}"].record
            if not learns(given, name) or not (ROOT / path).exists():
                continue
            history = record.read(ROOT / path)["details"]["history"]
            right = round(history[-1]["validation_accuracy"] * images)
            found = accuracy(np.arange(images) < right)
            value, low, high = (100 * float(found[f"accuracy{end}"]) for end in ("", "_low", "_high"))
            shown = numbers.interval(value, low, high, "%")
            body.append([given.systems[name].label, str(len(history)), shown])
        if not body:
            raise self.error(f"no training of {self.arguments[0]} has a record here")
        table = markdown(["training", "epochs", f"accuracy, {images:,} validation images"], body)
        return self.parse_text_to_nodes(f"{table}\n\n*From the records in `{path.parent}`.*")


def _text(value: object) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Called by Sphinx."""
    app.add_directive("run-networks", RunNetworks)
    app.add_directive("run-trainings", RunTrainings)
    return {"parallel_read_safe": True}
