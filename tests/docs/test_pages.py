"""The pages are true: links lead somewhere, what is named exists, and what is listed is listed whole."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from semrobust.config.params import merge, read_yaml, validate
from semrobust.figures import step as figures
from semrobust.pipeline.plan import Plan
from semrobust.tables.table import COMMON, names, table
from tests.conftest import ROOT, raw_params
from tests.docs.pages import DOCS, PAGES, READ, anchors, blocks, code, files_of, links, tables

EVERY_PAGE = pytest.mark.parametrize("page", READ, ids=lambda page: page.name)
EXAMPLES = {path for page in PAGES for path in files_of(page)}


@EVERY_PAGE
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert target.resolve().is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), f"{link}: choose one of {sorted(anchors(target))}"


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = [
        line
        for page in PAGES
        for block in blocks(page)
        if block.language == "{toctree}"
        for line in block.text.splitlines()
        if line and not line.startswith(":")
    ]
    assert sorted(listed) == sorted(page.stem for page in PAGES if page.stem != "index")


@cache
def names_of_tests() -> frozenset[str]:
    return frozenset(
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
    )


@EVERY_PAGE
def test_tests_and_source_files_that_are_named_exist(page: Path) -> None:
    """`path.py`, `path.py: name` and `test_name`, paths as they are or below the package or the tests."""
    for text in code(page):
        path, _, names = text.partition(": ")
        if re.fullmatch(r"test_\w+", text):
            assert text in names_of_tests(), text
        elif re.fullmatch(r"[a-z0-9_./]+\.(py|smk)", path) and path not in EXAMPLES:
            files = [file for base in ("", "src/semrobust", "tests") if (file := ROOT / base / path).is_file()]
            # modules of one folder are also named alone, where the text has said which folder
            assert files or ("/" not in path and list((ROOT / "src").rglob(path))), text
            for name in re.findall(r"\w+", names) if files else ():
                assert re.search(rf"\b{name}\b", files[0].read_text(encoding="utf-8")), text


def test_columns_are_those_of_the_output_contract() -> None:
    found = {
        heading: [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]
        for heading, rows in tables(DOCS / "files.md").items()
    }
    everywhere = found.pop("Tables")
    assert set(COMMON) <= set(everywhere)
    for name in names():
        if f"{name}.csv" not in found and not (ROOT / "data" / "laptop" / "results" / f"{name}.csv").exists():
            continue  # a new table is described once the recorded run has it
        columns, described = {*COMMON, *table(name).columns}, found[f"{name}.csv"]
        assert len(set(described)) == len(described)
        assert set(described) | (set(everywhere) & columns) == columns, name


def test_steps_are_drawn_and_described_as_they_are() -> None:
    sys.path.insert(0, str(DOCS / "_ext"))
    from steps import PAGE, written

    page = PAGE.read_text(encoding="utf-8")
    assert page == written(page), "the steps have changed: python docs/_ext/steps.py --write"
    assert "| `train` |" in page
    assert '["train"]' in page


@cache
def stems() -> set[Path]:
    """Where the artifacts of the repository's params lie."""
    return {artifact.stem for artifact in Plan.of(validate(raw_params()))}


def kinds_changed(change: dict[str, Any]) -> set[str]:
    """Steps of which an artifact has another key, or stands in another run, under changed params."""
    return {each.kind for each in Plan.of(validate(merge(raw_params(), change))) if each.stem not in stems()}


CHANGES = [row for row in tables(DOCS / "dvc.md")["What a change makes again"] if row[0] != "`run=other`"]


@pytest.mark.parametrize("row", CHANGES, ids=lambda row: row[0].strip("`"))
def test_a_change_makes_again_what_the_page_says(row: list[str]) -> None:
    said = set(re.findall(r"`(\w+)`", row[1]))
    said |= {"metrics", "figure"} if "table" in said else set()
    said |= {"report"} if "figure" in said else set()
    for path, value in re.findall(r"`([\w.]+)=(.*?)`", row[0]):
        change: Any = yaml.safe_load(value)
        for key in reversed(path.split(".")):
            change = {key: change}
        assert kinds_changed(change) == said, path


def test_results_show_every_figure_of_the_recorded_run() -> None:
    shown = re.findall(r"\{run-figure\} (\w+)", (DOCS / "results.md").read_text(encoding="utf-8"))
    drawn = [name for name in figures.names() if (ROOT / "figures" / "laptop" / f"{name}.png").exists()]
    assert sorted(shown) == sorted(drawn)


def test_keys_in_the_ledger_of_assumptions_exist() -> None:
    """`section.key` in the second column; `*` stands for any name."""
    raw = raw_params()
    whole = validate(raw_params()).model_dump(mode="json")  # with keys that may be left out
    for row in [row for rows in tables(DOCS / "ASSUMPTIONS.md").values() for row in rows]:
        for path in re.findall(r"`([a-z_]+(?:\.[a-z0-9_*]+)+)`", row[1]):
            if path.split(".")[0] in raw:
                assert holds(raw, path.split(".")) or holds(whole, path.split(".")), (
                    f"{row[0]}: params.yaml has no {path}"
                )


def holds(section: Any, path: list[str]) -> bool:
    """Whether there is such a key, in the section or in a choice of its grid."""
    if not path or not isinstance(section, dict):
        return not path
    name = re.compile(path[0].replace("*", ".*"))
    grid = section.get("grid")
    choices = [choice for of in grid.values() for choice in of.values()] if isinstance(grid, dict) else []
    return any(holds(value, path[1:]) for key, value in section.items() if name.fullmatch(key)) or any(
        holds(choice, path) for choice in choices
    )


def test_the_overlay_of_the_quickstart_trains_nothing_again() -> None:
    (text,) = files_of(DOCS / "quickstart.md").values()
    demo = merge(raw_params(), read_yaml(ROOT / "params" / "demo.yaml"))
    before, after = (Plan.of(validate(raw)) for raw in (demo, merge(demo, yaml.safe_load(text))))
    trainings = [artifact for artifact in after if artifact.kind == "train"]
    assert [model.name for model in trainings if model.key != before[model.address].key] == []
    assert before["clean/deepjscc"].key != after["clean/deepjscc"].key
