"""What docs/workflow.md says of the steps: a drawing in Mermaid and a table, made from the steps themselves.

    python docs/_ext/steps.py            # print both
    python docs/_ext/steps.py --write    # put them into the page

They follow from the plan of params.yaml, and a test compares them with the page. Forges draw Mermaid; the site cannot
without the network, so there the drawing is left out, and the table says the same.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.typing import ExtensionMetadata

from semrobust.config.params import Params, load
from semrobust.pipeline.lineage import rules
from semrobust.pipeline.plan import Plan
from semrobust.pipeline.step import Step, steps

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "workflow.md"
DRAWING = re.compile(r"```mermaid\n(flowchart.*?)```\n", re.DOTALL)
TABLE = re.compile(r"\| step \|.*\n(?:\|.*\n)+")


def drawing(plan: Plan) -> str:
    """The steps of the reference run and what each needs."""
    return f"```mermaid\n{rules(plan)}```\n"


def table(params: Params, plan: Plan) -> str:
    """One row per step: what it does, needs and makes, and what stands for its code in the key."""
    head = ("step", "does", "needs", "makes, in `data/RUN/`", "keyed by")
    rows = [head, ("---",) * len(head), *(_row(step, params, plan) for step in steps().values())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(step: Step, params: Params, plan: Plan) -> tuple[str, ...]:
    made = [artifact for artifact in plan if artifact.kind == step.kind]
    needed = {given.kind for artifact in made for given in plan.inputs(artifact)}
    needs = [f"`{kind}`" for kind in steps() if kind in needed] or ["the raw files" if step.places(params) else ""]
    first = "NAME-KEY/" if step.files[0].startswith("/") else f"NAME-KEY{step.files[0]}"
    files = [f"`{step.folder}/{first}`", *(f"`{suffix}`" for suffix in step.files[1:] if not suffix.startswith("/"))]
    key = "code" if step.versions is None else "version"
    return f"`{step.kind}`", step.help, ", ".join(needs), ", ".join(files), key


def written(page: str) -> str:
    """The text of the page with drawing and table as the steps are now."""
    params = load([ROOT / "params.yaml"])
    plan = Plan.of(params)
    page = DRAWING.sub(lambda _: drawing(plan), page)
    return TABLE.sub(lambda _: table(params, plan), page)


def _without_drawings(app: Sphinx, name: str, source: list[str]) -> None:
    source[0] = DRAWING.sub("", source[0])


def setup(app: Sphinx) -> ExtensionMetadata:
    """Called by Sphinx."""
    app.connect("source-read", _without_drawings)
    return {"parallel_read_safe": True}


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(written(page), encoding="utf-8")
    else:
        page = written(page)
        sys.stdout.write("\n".join(found[0] for pattern in (DRAWING, TABLE) if (found := pattern.search(page))))
