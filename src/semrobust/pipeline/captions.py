"""Captions of tables and figures: a Jinja template in reStructuredText that knows the params.

A caption is a title in one line, an empty line, and what is shown, on which data, with which intervals, and what to
look at. It stands in the file of its table or figure, and rendered in the settings of the artifact, so that its record
has it and both reports show the same text.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import jinja2

from semrobust.config.settings import Plain
from semrobust.errors import UsageError

if TYPE_CHECKING:
    from semrobust.config.params import Params

DATASETS = {
    "cifar10": "CIFAR-10",
    "photos10": "photos10 (patches of ten photographs, a stand-in for CIFAR-10)",
    "cost2100": "COST 2100 (CsiNet's files, outdoor)",
    "sionna": "drops of 3GPP TR 38.901 (a substitute for COST 2100)",
}
"""What texts call each `data.source` and `csi.source`."""


def banner(params: Params) -> str:
    """What a run must say that is no result about the papers; empty for one on their data."""
    if params.data.source != "photos10":
        return ""
    return "Ten photographs stand in for CIFAR-10: the pipeline works, and this is no result about the papers."


def caption(params: Params, name: str, template: str) -> Plain:
    """`title`, plain text, and `body`, reStructuredText; raises UsageError for a template that cannot be rendered."""
    shown = {
        "params": params.plain,
        "attacked": _attacked(params),
        "dataset": DATASETS.get(params.data.source, params.data.source),
        "csi": DATASETS[params.csi.source],
    }
    try:
        title, _, body = _environment().from_string(template.strip()).render(shown).partition("\n\n")
    except jinja2.TemplateError as error:
        raise UsageError(f"the caption of '{name}' cannot be rendered: {error}") from error
    return {"title": " ".join(title.split()).rstrip("."), "body": body.strip()}


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    environment.filters["number"] = _number
    return environment


def _attacked(params: Params) -> str:
    """How many images are attacked, for captions of tables that have all of a system's attacks."""
    given = params.evaluation
    most = max(params.attack_images(*pair) for pair in params.pairs()) if params.pairs() else 0
    more = f" ({_number(most)} for the strongest attacks on the main systems)" if most > given.attack_images else ""
    return f"{_number(given.attack_images)}{more}"


def _number(value: float) -> str:
    """Without needless digits, thousands apart."""
    return f"{value:,.10g}"
