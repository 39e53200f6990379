"""The directive {run-networks}: the networks of the reference run, as `semrobust models` lists them."""

from __future__ import annotations

from contextlib import chdir

from docutils import nodes  # type: ignore[import-untyped]
from reference_run import ROOT, markdown, params
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from semrobust.pipeline.plan import Plan
from semrobust.training.networks import COLUMNS, rows

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


def _text(value: object) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Called by Sphinx."""
    app.add_directive("run-networks", RunNetworks)
    return {"parallel_read_safe": True}
