"""The page of a finished run: every figure, caption and claim, where each came from, and nothing from elsewhere."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path

import pytest

from semrobust.figures import report, step
from semrobust.pipeline import record, work
from semrobust.pipeline.verdicts import VERDICTS
from tests.conftest import ROOT
from tests.figures import samples
from tests.figures.samples import PARAMS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(figures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with its report."""
    made = tmp_path_factory.mktemp("report")
    shutil.copytree(figures, made, dirs_exist_ok=True)
    shutil.copytree(ROOT / "workflow" / "notebooks", made / "workflow" / "notebooks")
    return made


@pytest.fixture
def page(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(root)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    return work.make(samples.plan(with_report=True), "report/report").path().read_text(encoding="utf-8")


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def test_every_figure_with_its_caption_and_id(page: str) -> None:
    headline, *others = re.findall(r'<figure class="picture" id="(\w+)">', page)
    assert [headline, *others] == sorted(
        step.names(),
        key=lambda name: (name != "zhang2026_fig_ratio", ("zhang", "hu", "extra").index(re.split(r"[\d_]", name)[0])),
    )
    assert page.index(f'id="{headline}"') < page.index("verdict and its rule"), "results first"
    shown = text(page)
    for name in step.names():
        made = record.read(Path(f"figures/{PARAMS.run}/{name}.json"))
        title, body = (made["settings"]["caption"][part] for part in ("title", "body"))
        assert title in shown
        assert body.split("``")[0].split(";")[0][:60].replace("\n", " ") in shown
        assert f"{name}.png · semrobust:{made['id']} · from" in shown
        for address in made["needs"][:4]:
            assert address.rpartition("-")[0] in shown


def test_every_claim_with_verdict_and_rule(page: str) -> None:
    claims, shown = samples.TABLES["paper_vs_ours"](), text(page)
    for _, claim in claims.iterrows():
        assert claim["text"] in shown
        assert " ".join(claim["rule"].replace("`", " ").split()) in shown, "names of tables are marked as code"
    assert "times the power of HEVC + LDPC 1/2 + QPSK" in shown, "systems have their labels"
    papers = list(claims["paper"].unique())
    assert f"verdict {' '.join(papers)}" in shown
    for verdict in VERDICTS:
        counts = [str(((claims["paper"] == paper) & (claims["verdict"] == verdict)).sum()) for paper in papers]
        assert f"{verdict} {' '.join(counts)}" in shown
        kind = verdict.replace(" ", "-")
        # beside each claim, and in the tally
        assert len(re.findall(f"class=['\"]verdict {kind}['\"]", page)) == (claims["verdict"] == verdict).sum() + 1
    assert "1.4·10⁷ [1.12·10⁷, 1.68·10⁷]" in shown


def test_every_table_and_all_params(page: str) -> None:
    shown = text(page)
    for name, make in samples.TABLES.items():
        assert f"{name}.csv, {len(make()):,} rows The table {name}. Its rows ." in shown
    assert f'"real_uses": {PARAMS.link.real_uses}' in shown
    assert samples.DATASET["digest"] in page


def test_nothing_comes_from_elsewhere_and_every_link_has_a_target(page: str, root: Path) -> None:
    assert not re.search(r"(src|href)=(?![\"'](data:|#))", page)
    assert "@import" not in page
    assert "<script" not in page
    assert "url(" not in page
    assert str(root) not in page
    assert "pd.read_csv" not in page  # no code
    targets = re.findall(r'href="#([^"]+)"', page)
    assert set(step.names()) < set(targets)
    assert all(f'id="{target}"' in page for target in targets)
    assert 'name="viewport"' in page


def test_numbers_are_for_people(page: str) -> None:
    cells = [text(cell) for cell in re.findall(r"<td>(.*?)</td>", page, re.DOTALL)]
    assert any(re.search(r"\d \[\d", cell) for cell in cells)
    assert not [cell for cell in cells if re.search(r"e[+-]\d\d|\bnan\b|\binf\b|−0(?![.\d])", cell)]


def test_equal_inputs_give_equal_bytes(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = samples.plan(with_report=True)["report/report"]
    artifact.record.unlink()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    work.make(samples.plan(with_report=True), "report/report")
    assert artifact.path().read_text(encoding="utf-8") == page
    assert Path(f"data/{PARAMS.run}/report/report.html").read_text(encoding="utf-8") == page


def test_the_notebook_can_be_opened_by_hand(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without papermill's parameters it shows what the run has published."""
    notebook = json.loads(report.NOTEBOOK.read_text(encoding="utf-8"))
    monkeypatch.chdir(report.NOTEBOOK.parent)
    if not Path("../../params.yaml").exists():
        shutil.copy(ROOT / "params.yaml", "../..")
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    figures, tables = names["figures"], names["tables"]
    assert isinstance(figures, dict)
    assert isinstance(tables, dict)
    assert set(figures) == set(step.names())
    assert set(tables) == set(samples.TABLES)
