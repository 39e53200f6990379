"""Every figure and table has one caption, which every preset can render; the report follows captions and params."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from semrobust.config.params import Params, load, merge, validate
from semrobust.config.registry import FIGURES
from semrobust.errors import ArtifactError, UsageError
from semrobust.figures.report_html import rst
from semrobust.pipeline import captions, outputs
from semrobust.pipeline.captions import Caption
from tests.conftest import ROOT, raw_params

PRESETS = [(), *((path,) for path in sorted((ROOT / "params").glob("*.yaml")))]
WITHOUT_IMAGES = {"code_structure", "extra_trapping_sets", "extra_paper_vs_ours"}
"""They depend on codes alone, or on everything."""

UNCERTAIN = "95% interval", "95% bootstrap", "Wilson 95%"
CERTAIN = {"code_structure", "extra_trapping_sets", "extra_gallery", "link_adaptation", "lipschitz"}
"""Exact, or pictures, or with intervals that the caption leaves to the columns."""


@pytest.fixture(autouse=True)
def _root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def every_caption(params: Params) -> dict[str, Caption]:
    of_figures = {name: captions.figure(params, name) for name in FIGURES}
    return of_figures | {name: captions.table(params, name) for name in outputs.TABLES}


@pytest.mark.parametrize("overlay", PRESETS, ids=lambda overlay: overlay[0].stem if overlay else "params")
def test_every_figure_and_table_has_a_caption_in_every_preset(overlay: tuple[Path, ...]) -> None:
    params = load([ROOT / "params.yaml", *overlay])
    dataset = captions.DATASETS[params.data.source]
    for name, caption in every_caption(params).items():
        assert 5 < len(caption.title) < 80, name
        assert "\n" not in caption.title
        said = " ".join(caption.body.split())
        assert len(said) > 80, name
        assert "{" not in said
        assert dataset in said or name in WITHOUT_IMAGES, name
        assert any(words in said for words in UNCERTAIN) or name in CERTAIN, name


def test_captions_are_restructuredtext(params: Params) -> None:
    for caption in every_caption(params).values():
        assert rst(caption.rst).startswith("<p><strong>")


def test_every_caption_belongs_to_a_figure_or_a_table() -> None:
    assert {path.stem for path in (captions.FOLDER / "figures").iterdir()} <= set(FIGURES)
    assert {path.stem for path in (captions.FOLDER / "tables").iterdir()} == set(outputs.TABLES)


def test_figures_of_the_repository_have_a_file_each() -> None:
    """The fallback is for those who add one; ours say what to look at."""
    assert {path.stem for path in (captions.FOLDER / "figures").iterdir()} == set(FIGURES)


def test_a_figure_without_a_file_has_its_docstring(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captions, "FOLDER", tmp_path)
    caption = captions.figure(params, "zhang2026_fig4_clean")
    assert caption.title.startswith("Mean PSNR of the attacked systems over SNR")
    assert not caption.title.endswith(".")
    assert caption.body.startswith("Lines without markers")
    with pytest.raises(UsageError, match=r"tables/clean\.rst is missing"):
        captions.table(params, "clean")


def test_a_caption_that_names_no_param_is_refused(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captions, "FOLDER", tmp_path)
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "clean.rst").write_text("Title\n\nOver {{ params.evaluation.images }} images.\n")
    with pytest.raises(UsageError, match=r"clean\.rst is not a template that can be rendered: .*images"):
        captions.table(params, "clean")


@pytest.mark.parametrize(
    ("overlay", "changes"),
    [
        ({"plot": {"dpi": 90}}, False),
        ({"data": {"path": "/elsewhere"}}, False),
        ({"systems": {"deepjscc": {"label": "other"}}}, True),
        ({"evaluation": {"attack_images": 64}}, True),
    ],
)
def test_the_report_depends_on_the_params_that_it_shows(params: Params, overlay: dict[str, Any], changes: bool) -> None:
    changed = validate(merge(raw_params(), overlay))
    assert (outputs.report(changed).key != outputs.report(params).key) == changes


def test_the_report_depends_on_captions_and_notebook(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = outputs.report(params).key
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow", ignore=shutil.ignore_patterns("profiles"))
    monkeypatch.chdir(tmp_path)
    assert outputs.report(params).key == before
    caption = captions.FOLDER / "tables" / "clean.rst"
    caption.write_text(caption.read_text() + "More.\n")
    after = outputs.report(params).key
    assert after != before
    outputs.REPORT.write_text(outputs.REPORT.read_text().replace("Parameters", "Params"))
    assert outputs.report(params).key not in (before, after)
    outputs.REPORT.unlink()
    with pytest.raises(ArtifactError, match=r"report\.ipynb"):
        outputs.report(params)
