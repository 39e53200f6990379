"""Every figure and table has one caption, which every preset can render."""

from __future__ import annotations

from pathlib import Path

import pytest
from docutils.core import publish_string  # type: ignore[import-untyped]

from semrobust.config.params import Params, load
from semrobust.config.settings import Plain
from semrobust.errors import UsageError
from semrobust.figures import step as figures
from semrobust.pipeline.captions import DATASETS, caption
from semrobust.tables import table as tables
from tests.conftest import ROOT

PRESETS = [(), *((path,) for path in sorted((ROOT / "params").glob("*.yaml")))]
WITHOUT_IMAGES = {"code_structure", "extra_trapping_sets", "extra_paper_vs_ours"}
"""They depend on codes alone, or on everything."""

UNCERTAIN = "95% interval", "95% bootstrap", "Wilson 95%"
CERTAIN = {"code_structure", "extra_trapping_sets", "extra_gallery", "link_adaptation", "lipschitz"}
"""Exact, or pictures, or with intervals that the caption leaves to the columns."""


def every_caption(params: Params) -> dict[str, Plain]:
    templates = {name: figures.figure(name).template for name in figures.names()}
    templates |= {name: tables.table(name).caption for name in tables.names()}
    return {name: caption(params, name, template) for name, template in templates.items()}


@pytest.mark.parametrize("overlay", PRESETS, ids=lambda overlay: overlay[0].stem if overlay else "params")
def test_every_figure_and_table_has_a_caption_in_every_preset(overlay: tuple[Path, ...]) -> None:
    params = load([ROOT / "params.yaml", *overlay])
    for name, text in every_caption(params).items():
        assert 5 < len(text["title"]) < 80, name
        assert "\n" not in text["title"]
        said = " ".join(text["body"].split())
        assert len(said) > 80, name
        assert "{" not in said
        dataset = params.csi.source if "csi" in name else params.data.source
        assert DATASETS[dataset] in said or name in WITHOUT_IMAGES, name
        assert any(words in said for words in UNCERTAIN) or name in CERTAIN, name


def test_captions_are_restructuredtext(params: Params) -> None:
    for text in every_caption(params).values():
        publish_string(text["body"], settings_overrides={"halt_level": 2, "report_level": 5})


def test_a_figure_without_a_caption_has_its_docstring(params: Params) -> None:
    found = figures.figure("zhang2026_fig4_clean")
    plain = type(found)(draw=found.draw, tables=found.tables)
    text = caption(params, "plain", plain.template)
    assert text["title"].startswith("Mean PSNR of the attacked systems over SNR")
    assert not text["title"].endswith(".")
    assert text["body"].startswith("Lines without markers")


def test_a_caption_that_names_no_param_is_refused(params: Params) -> None:
    with pytest.raises(UsageError, match=r"the caption of 'clean' cannot be rendered: .*images"):
        caption(params, "clean", "Title\n\nOver {{ params.evaluation.images }} images.")
