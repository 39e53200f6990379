"""What is not said: the params that come with the package, and what of them is overridden."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from semrobust.config.overlay import merge
from semrobust.config.params import Params, load
from semrobust.config.problems import problems_of, show
from semrobust.config.schema import NO_RESULT
from semrobust.config.settings import Plain, Settings
from semrobust.errors import UsageError, similar

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parents[1]
"""The project that the package lies in, where it was not installed as a copy."""


@cache
def params() -> Params:
    """Those of `params.yaml`: a checkout has it in its root, and a wheel carries it (setup.py)."""
    inside = PACKAGE / "params.yaml"
    return load([inside if inside.exists() else CHECKOUT / "params.yaml"])


def overridden(what: str, schema: type[Settings], defaults: Plain, given: Mapping[str, Any]) -> Plain:
    """Defaults with given settings over them; raises UsageError for one that `schema` does not know or take.

    `what` names the owner of the settings in messages.
    """
    known = [name for name in schema.model_fields if name not in ("kind", *NO_RESULT)]
    for name in given:
        if name not in known:
            has = ", ".join(f"{key} = {show(defaults[key])}" if key in defaults else key for key in known) or "none"
            raise UsageError(f"{what} has no setting {name!r}{similar(name, known)}. It has: {has}")
    whole = merge(defaults, given)
    problems = problems_of(schema, whole)
    if problems:
        raise UsageError("\n".join([f"wrong settings of {what}:", *(f"  {problem.below('')}" for problem in problems)]))
    return whole
