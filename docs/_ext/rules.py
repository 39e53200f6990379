"""The steps of a run and what each needs, as the Mermaid block in docs/workflow.md.

    python docs/_ext/rules.py            # print it
    python docs/_ext/rules.py --write    # put it into the page

It is made from the plan of params.yaml, so the drawing is that of the steps themselves; a test compares the two.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from semrobust.config.params import load
from semrobust.pipeline.lineage import rules
from semrobust.pipeline.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "workflow.md"
BLOCK = re.compile(r"(?<=```mermaid\n)flowchart.*?(?=```)", re.DOTALL)


def drawing() -> str:
    """The graph of the reference run."""
    return rules(Plan.of(load([ROOT / "params.yaml"])))


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(BLOCK.sub(drawing(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write(drawing())
