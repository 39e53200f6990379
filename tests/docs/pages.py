"""What the pages of the documentation hold: headings, links, code, tables, and the files that their examples write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.conftest import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
READ = [*PAGES, *(path for name in ("README.md", "CONTRIBUTING.md") if (path := ROOT / name).exists())]
"""Everything that people read: the pages, and what lies in the root."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the text of the paragraph above it."""

    language: str
    text: str
    above: str


@cache
def tokens(page: Path) -> tuple[Token, ...]:
    return tuple(MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")))


def inline(page: Path) -> Iterator[Token]:
    """The parts of running text: words, code, links, images."""
    for token in tokens(page):
        yield from token.children or ()


def links(page: Path) -> list[str]:
    """Targets of all links and images."""
    found = [token.attrGet("href") or token.attrGet("src") for token in inline(page)]
    return [str(target) for target in found if target]


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub makes them, and as Sphinx is told to."""
    found = tokens(page)
    heads = [after.content for token, after in pairwise(found) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def code(page: Path) -> list[str]:
    """Code within running text."""
    return [token.content for token in inline(page) if token.type == "code_inline"]


def blocks(page: Path) -> list[Block]:
    """Fenced blocks in order."""
    found, above = [], ""
    for token in tokens(page):
        if token.type == "fence":
            found.append(Block(token.info.strip(), token.content, above))
            above = ""
        elif token.type == "inline":
            above = token.content
    return found


def tables(page: Path) -> dict[str, list[list[str]]]:
    """Rows of the tables below each heading, heads of columns left out: the source of each cell."""
    found: dict[str, list[list[str]]] = {}
    rows: list[list[str]] = []
    heading = previous = ""
    for token in tokens(page):
        if token.type == "inline" and previous == "heading_open":
            heading = token.content
        elif token.type == "inline" and previous == "td_open":
            rows[-1].append(token.content)
        elif token.type == "tr_open":
            rows.append([])
        elif token.type == "table_open":
            rows = found.setdefault(heading, [])
        previous = token.type
    return {heading: [row for row in rows if row] for heading, rows in found.items()}


def files_of(page: Path) -> dict[str, str]:
    """Files that the page tells to write, by path: it ends the text above the block, alone, in a sentence of its own or
    in "Write PATH"."""
    told = re.compile(r"(?:.*(?:Write|\.) )?`((?:src|params|semrobust-\w+)/[\w/]+\.\w+)`:", re.S)
    return {path[1]: block.text for block in blocks(page) if (path := told.fullmatch(block.above))}


def params_of(page: Path) -> dict[str, Any]:
    """Entries that the page tells to add to params.yaml, as an overlay."""
    found: dict[str, Any] = {}
    for block in blocks(page):
        if section := re.match(r"`params\.yaml`, under `(\w+):`", block.above):
            found.setdefault(section[1], {}).update(yaml.safe_load(block.text))
    return found
