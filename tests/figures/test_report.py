"""Blocks of the report: numbers as people read them, tables and figures with captions, and what a run lacks."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from semrobust.config.registry import FIGURES
from semrobust.errors import ArtifactError
from semrobust.figures import publish
from semrobust.figures import report_html as write
from semrobust.figures.report import Report
from semrobust.pipeline import outputs
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from tests.figures import samples
from tests.figures.samples import COMMAND, PARAMS, REPOSITORY

FILES = ["params.yaml", "more.yaml"]


@pytest.fixture
def finished(project: Path) -> Path:
    """A project whose figures are tiny pictures, with their records."""
    shutil.copytree(REPOSITORY / "workflow", "workflow", ignore=shutil.ignore_patterns("profiles", "rules"))
    shutil.copy(REPOSITORY / "params.yaml", "params.yaml")
    Path("more.yaml").write_text(json.dumps(samples._OVERLAY))
    layout = Layout(PARAMS.run)
    for name in FIGURES:
        making = Making(outputs.figure(PARAMS, name), COMMAND)
        for table in FIGURES[name].tables:
            making.uses(layout.table(table), outputs.table(PARAMS, table))
        paths = [layout.figure(name, suffix) for suffix in (".pdf", ".png")]
        paths[0].parent.mkdir(parents=True, exist_ok=True)
        paths[0].write_bytes(b"%PDF-1.4")
        PIL.Image.new("RGB", (40, 30), "white").save(paths[1])
        making.finish(paths[0], paths)
    return project


def blocks() -> dict[str, str]:
    """What each code cell of the notebook shows, by its source."""
    notebook = json.loads(outputs.REPORT.read_text(encoding="utf-8"))
    report = Report(FILES)
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    calls = [line for cell in cells for line in cell.splitlines() if re.match(r"report\.\w+\(", line)]
    return {call: str(eval(call, {"report": report})) for call in calls}


def text(html: str) -> str:
    return re.sub(r"<.*?>", "", html.replace("<sup>", "^"))


def test_pieces_of_html() -> None:
    """In one test, since each starts by writing all tables."""
    nan, inf = math.nan, math.inf
    for value, low, high, shown in [
        (25.9123, 22.0, 30.7, "25.9 [22.0, 30.7]"),
        (2485.68, nan, nan, "2,486"),
        (-0.00733, -0.0525, 0.0379, "−0.0073 [−0.0525, 0.0379]"),
        (3.07609e-06, 2.86e-06, 3.28e-06, "3.1·10^−6 [2.9·10^−6, 3.3·10^−6]"),
        (245587.0, 78638.0, inf, "2.5·10^5 [7.9·10^4, ∞]"),
        (0.0, 0.0, 0.0, "0 [0, 0]"),
        (nan, nan, nan, "–"),
        (inf, inf, inf, "∞ [∞, ∞]"),
        (8.8e-05, 0.0, 2.6e-4, "8.8·10^−5 [0, 2.6·10^−4]"),
    ]:
        assert text(write.interval(value, low, high)) == shown
    assert text(write.percent(0.786, 0.7596, 0.8103)) == "78.6% [76.0, 81.0]"
    assert (write.percent(nan, 0, 1), write.count(10000.0), write.count(nan)) == ("–", "10,000", "–")
    shown = write.table(["a", "b"], [["x < y & z", write.Html("<b>1</b>")]])
    assert "x &lt; y &amp; z" in shown
    assert "<b>1</b>" in shown
    assert "nothing to show" in write.table(["a"], [])


def test_every_block_shows_something(finished: Path) -> None:
    shown = blocks()
    assert len(shown) >= 20
    for call, html in shown.items():
        assert len(html) > 100, call
        # the tables of these tests name no splits of the data
        assert "nothing to show" not in html or call == "report.provenance()", call
        assert "nan" not in re.sub(r"<.*?>", " ", html).split(), call
    pictures = "".join(shown[call] for call in shown if call.startswith("report.figures"))
    assert sorted(re.findall(r'<figure id="(\w+)" class="figure"', pictures)) == sorted(FIGURES)
    assert pictures.count('width="40" height="30"') == len(list(FIGURES))
    claims = samples.TABLES[outputs.COMPARISON]()
    assert shown["report.claims()"].count("<tr>") == len(claims) + 1
    for rule in claims["rule"]:
        assert write.escape(rule) in shown["report.claims()"]
    for name in FIGURES:
        record = json.loads(Layout(PARAMS.run).figure(name, ".json").read_text())
        assert f"semrobust:{record['id']}" in pictures


def test_a_run_without_some_systems_says_so(finished: Path) -> None:
    """Tables without rows, as in a small preset."""
    for name, make in samples.TABLES.items():
        if name != outputs.COMPARISON:
            samples.write_table(name, make().iloc[:0])
    shown = blocks()
    for block in ("ratio", "quality", "power", "bounds", "slopes", "knowledge", "criteria", "accuracy", "budgets"):
        assert "nothing to show" in shown[f"report.{block}()"], block


def test_a_missing_figure_is_refused(finished: Path) -> None:
    Layout(PARAMS.run).figure("extra_gallery", ".json").unlink()
    with pytest.raises(ArtifactError, match="extra_gallery"):
        Report(FILES)


def test_the_page_depends_on_nothing_else(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [Path(file) for file in FILES]
    output = publish.run(PARAMS, files, COMMAND)
    first = output.read_bytes()
    record: dict[str, Any] = json.loads(output.with_suffix(".json").read_text())
    link = Layout(PARAMS.run).report_link()
    assert link.is_symlink()
    assert link.read_bytes() == first
    assert len(record["inputs"]) == len(outputs.TABLES) + 2 * len(list(FIGURES))
    page = first.decode()
    assert not re.search(r"(src|href)=.?https?:", page)
    assert "report.head()" not in page  # no code
    assert str(finished) not in page
    assert record["id"] in page
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets == {"contents"} | {target for target in targets if f'id="{target}"' in page}
    output.unlink()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    assert publish.run(PARAMS, files, COMMAND).read_bytes() == first
