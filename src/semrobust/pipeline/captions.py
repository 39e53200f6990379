"""One caption per figure and table, in reStructuredText: the same text in both reports.

A caption is a title in one line, an empty line, and what is shown, on which data, with which intervals, and what to
look at. It lies in `workflow/report/figures/NAME.rst` or `workflow/report/tables/NAME.rst` and is a Jinja template that
knows the params. A figure without such a file has the docstring of its `draw` as its caption, so that a new one
is still one file.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from semrobust.config.params import Params
from semrobust.config.registry import FIGURES
from semrobust.errors import UsageError

FOLDER = Path("workflow") / "report"
"""Where captions lie, relative to the project's root."""

DATASETS = {"cifar10": "CIFAR-10", "photos10": "photos10 (patches of ten photographs, a stand-in for CIFAR-10)"}
"""What texts call each `data.source`."""


@dataclass(frozen=True)
class Caption:
    """A rendered caption: plain `title`, and `body` as reStructuredText."""

    title: str
    body: str

    @property
    def rst(self) -> str:
        """Both, the title in bold."""
        return f"**{self.title}**\n\n{self.body}"


def figure(params: Params, name: str) -> Caption:
    """Caption of a figure; raises UsageError if there is neither a file nor a docstring, or the template is wrong."""
    path = FOLDER / "figures" / f"{name}.rst"
    if path.is_file():
        return _rendered(path, params)
    docstring = inspect.getdoc(FIGURES[name].draw)
    if not docstring:
        raise UsageError(f"the figure '{name}' has no caption: write {path}, or a docstring of its `draw`")
    title, _, body = docstring.partition("\n\n")
    return Caption(" ".join(title.split()).rstrip("."), body)


def table(params: Params, name: str) -> Caption:
    """Caption of a table; raises UsageError if there is no file, or the template is wrong."""
    return _rendered(FOLDER / "tables" / f"{name}.rst", params)


def _rendered(path: Path, params: Params) -> Caption:
    shown: Mapping[str, Any] = {
        "params": params.section(),
        "dataset": DATASETS.get(params.data.source, params.data.source),
    }
    try:
        title, _, body = _environment().from_string(path.read_text(encoding="utf-8")).render(shown).partition("\n\n")
    except FileNotFoundError as error:
        raise UsageError(f"{path} is missing: the caption. Run in the project's root, or write it") from error
    except jinja2.TemplateError as error:
        raise UsageError(f"{path} is not a template that can be rendered: {error}") from error
    return Caption(title.strip(), body.strip())


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    environment.filters["number"] = _number
    return environment


def _number(value: float) -> str:
    """Without needless digits, thousands apart."""
    return f"{value:,.10g}"
