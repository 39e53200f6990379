"""All networks of a run trained anew, while those that are here stay until the new ones are whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import chdir
from pathlib import Path

from semrobust.pipeline.plan import ROOT, Artifact, Plan
from semrobust.pipeline.work import finished, make


def retrain(plan: Plan, command: Sequence[str], tell: Callable[[str], None]) -> list[Artifact]:
    """Train every system of a plan in a folder in scratch, then put all in their places; returns what was replaced.

    What was interrupted goes on where it stopped, with the last epoch or the last network. Raises ArtifactError where
    the dataset is missing.
    """
    artifacts = [artifact for artifact in plan if artifact.kind == "train"]
    apart = ROOT / plan.run / "scratch" / "retrain"
    for needed in {address for artifact in artifacts for address in artifact.needs if not address.startswith("train/")}:
        for path in finished(plan, needed).artifact.paths:
            _lend(path, apart / path)
    apart.mkdir(parents=True, exist_ok=True)
    with chdir(apart):
        for artifact in artifacts:
            tell(str(make(plan, artifact.address, command).path()))
    for artifact in artifacts:
        for path in artifact.paths:  # the record last
            path.parent.mkdir(parents=True, exist_ok=True)
            (apart / path).replace(path)
    shutil.rmtree(apart)
    return artifacts


def _lend(path: Path, link: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(path, link.parent))
