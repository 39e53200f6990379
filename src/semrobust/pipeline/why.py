"""Why an artifact is to be made: what of it differs from an older one, as records tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from semrobust.config.settings import Plain
from semrobust.errors import ArtifactError
from semrobust.pipeline import record
from semrobust.pipeline.plan import Artifact


def changed(made: Plain, planned: Artifact) -> str:
    """The first of settings and recipe in which a recorded artifact differs from a planned one; empty if none does."""
    settings = record.difference(made["settings"], planned.settings)
    recipe = record.difference(made["recipe"], planned.recipe)
    if settings or not recipe:
        return settings
    foreign = record.difference(made["recipe"].get("plugins", {}), planned.recipe.get("plugins", {}))
    what = f"plug-in {foreign.partition(' ')[0]}" if foreign else recipe
    return f"its {'code' if 'code' in planned.recipe else what} changed"


def missing(artifact: Artifact) -> str:
    """Why an artifact that is not here is not: how the newest one of its name under another key differs."""
    made = next(_others(artifact), None)
    if made is None:
        return "not made yet"
    if said := changed(made, artifact):
        return said
    return "part of it is missing" if made["job"]["key"] == artifact.key else "its inputs are others"


def _others(artifact: Artifact) -> Iterator[Plain]:
    """Records of artifacts of this kind and name, the newest first."""
    pattern = f"{artifact.name}-{'[0-9a-f]' * record.KEY_DIGITS}.json"
    for path in sorted(artifact.record.parent.glob(pattern), key=_age):
        try:
            yield record.read(path)
        except (ArtifactError, record.EarlierRelease):
            continue


def _age(path: Path) -> float:
    return -path.stat().st_mtime
