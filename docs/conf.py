"""Sphinx builds the pages of this folder: `make docs`. Neither the build nor the built site needs the network."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE / "_ext")]

project = "semrobust"
author = "the semrobust authors"
project_copyright = f"{author}, MIT licence"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "reference_run", "networks", "steps"]
exclude_patterns = ["_build"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
napoleon_use_ivar = True
default_role = "code"  # docstrings mark code by single backticks
# types in signatures; the sites of other packages cannot be asked without the network
nitpick_ignore_regex = [("py:class", ".*")]

html_theme = "furo"
html_title = "semrobust"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_copy_source = False
html_show_sphinx = False

linkcheck_timeout = 15
linkcheck_retries = 2


def _plain_text(app: Sphinx, what: str, name: str, of: object, options: object, lines: list[str]) -> None:
    """Docstrings are plain text with code between backticks: a lone star or a bar in them is no markup."""

    def escaped(text: str) -> str:
        return re.sub(r"(\*\w+\*)|([*|])", lambda found: found[1] or f"\\{found[2]}", text)

    for index, line in enumerate(lines):
        parts = re.split(r"`([^`]+)`", line)
        parts[::2] = map(escaped, parts[::2])
        # an escaped space parts code from what touches it, and shows nothing
        parts[1::2] = [f"\\ `{part}`\\ " for part in parts[1::2]]
        lines[index] = "".join(parts)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _plain_text)
