"""What the figures show: labels, units, markers, and the points that a logarithmic axis would lose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.text import Text

from semrobust.core import jobs
from semrobust.core.errors import ParamsError
from semrobust.core.layout import Layout
from semrobust.core.registry import FIGURES
from semrobust.viz import canvas
from semrobust.viz.base import FigureInputs, looks
from tests.viz.samples import DATASET, INFEASIBLE, PARAMS, TABLES

CURVES = ("zhang2026_fig4_clean", "zhang2026_fig5_attack_power", "zhang2026_fig_ratio")
LABELS = {name: system.label for name, system in PARAMS.systems.items()}


@pytest.fixture(autouse=True)
def _styled() -> Iterator[None]:
    with canvas.style(PARAMS.section("plot")):
        yield


def inputs(name: str, **changed: pd.DataFrame) -> FigureInputs:
    tables = {table: changed.get(table, make()) for table, make in TABLES.items()}
    return FigureInputs(
        tables,
        Layout(PARAMS.run).gallery(),
        jobs.figure(PARAMS, name).settings,
        DATASET,
        PARAMS.run,
        "0123456789abcdef",
    )


def draw(name: str, **changed: pd.DataFrame) -> Figure:
    figure: Figure = FIGURES[name].draw(inputs(name, **changed))
    figure.draw_without_rendering()
    return figure


def texts(figure: Figure) -> list[Text]:
    return [t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_visible() and t.get_text().strip()]


def everything(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in texts(figure))


@pytest.mark.parametrize("name", CURVES)
def test_each_data_line_has_a_marker(name: str) -> None:
    lines = [line for axes in draw(name).axes for line in axes.lines if line.get_gid() != "reference"]
    assert lines
    assert all(line.get_marker() not in (None, "None", "", " ") for line in lines)


@pytest.mark.parametrize("name", CURVES)
def test_axis_labels_name_their_units(name: str) -> None:
    for axes in draw(name).axes:
        for label in filter(None, (axes.get_xlabel(), axes.get_ylabel())):
            assert re.search(r"\((dB|×|total|share of images)\)$", label), label


@pytest.mark.parametrize("name", list(FIGURES))
def test_says_what_it_was_made_from(name: str) -> None:
    text = everything(draw(name))
    count = {"zhang2026_fig4_clean": "10,000", "extra_gallery": "2", "zhang2026_fig_ratio": "430–500"}.get(name, "500")
    assert f"dataset cifar10, test images: {count} · run laptop · semrobust:0123456789abcdef" in text


@pytest.mark.parametrize("name", CURVES)
def test_names_every_system_and_why_one_is_missing(name: str) -> None:
    text = everything(draw(name))
    assert all(label in text for label in LABELS.values())
    assert f"Infeasible: {LABELS[INFEASIBLE]} does not fit the bit budget." in text


@pytest.mark.parametrize("context", ["paper", "talk"])
@pytest.mark.parametrize("name", list(FIGURES))
def test_text_is_readable_within_the_sheet_and_overlaps_nothing(name: str, context: str) -> None:
    with canvas.style({"context": context}):
        figure = draw(name)
        ticks = [text for axes in figure.axes for text in (*axes.get_xticklabels(), *axes.get_yticklabels())]
        words = [text for text in texts(figure) if text not in ticks]
        boxes = [text.get_window_extent() for text in words]
        for text, box in zip(words, boxes, strict=True):
            assert float(text.get_fontsize()) >= canvas.SMALL * canvas.scale() - 1e-6
            assert figure.bbox.x0 <= box.x0 + 1 < box.x1 - 1 <= figure.bbox.x1, text.get_text()
            assert figure.bbox.y0 <= box.y0 + 1 < box.y1 - 1 <= figure.bbox.y1, text.get_text()
        for i, box in enumerate(boxes):
            for j in range(i):
                assert not box.overlaps(boxes[j]), (words[i].get_text(), words[j].get_text())


@pytest.mark.parametrize("name", CURVES)
def test_the_legend_covers_no_data(name: str) -> None:
    figure = draw(name)
    legend = figure.legends[0].get_window_extent()
    assert not any(legend.overlaps(axes.get_window_extent()) for axes in figure.axes)


def test_a_system_looks_the_same_in_all_figures() -> None:
    wanted = looks(inputs(CURVES[0]), "systems")
    clean = draw("zhang2026_fig4_clean").axes[0]
    for line in clean.lines:
        if line.get_gid() != "reference":
            look = next(look for look in wanted.values() if look.label == line.get_label())
            assert (line.get_color(), line.get_marker()) == (look.color, look.marker)
    titles = {axes.get_title(): axes.title.get_color() for axes in draw("zhang2026_fig5_attack_power").axes}
    assert all(titles[look.label] == look.color for name, look in wanted.items() if name != INFEASIBLE)
    assert len({(look.color, look.marker) for look in wanted.values()}) == len(wanted)


def test_censored_means_are_hollow_and_said_to_be_bounds() -> None:
    figure = draw("zhang2026_fig5_attack_power")
    panel = next(axes for axes in figure.axes if axes.get_title() == LABELS["deepjscc"])
    hollow = [line for line in panel.lines if line.get_markerfacecolor() == "white"]
    assert len(hollow) == 1
    assert np.isfinite(hollow[0].get_ydata()).sum() == 6  # 10 to 20 dB
    assert "lower bound" in everything(figure)


def test_zero_power_stays_on_the_axis() -> None:
    figure = draw("zhang2026_fig5_attack_power")
    panel = next(axes for axes in figure.axes if axes.get_title() == LABELS["jpeg_ldpc_16qam"])
    assert panel.get_yscale() == "symlog"
    assert panel.get_ylim()[0] < 0
    assert "At 0 the channel alone ruins every image" in everything(figure)
    power = TABLES["attack_power"]()
    power = power[power["ruinable_power_mean"] > 0]
    assert draw("zhang2026_fig5_attack_power", attack_power=power).axes[0].get_yscale() == "log"


def test_second_axis_is_the_power_over_the_signals() -> None:
    figure = draw("zhang2026_fig5_attack_power")
    right = next(axes for axes in figure.axes if axes.get_ylabel() == "PSR (dB)")
    for tick, label in zip(right.get_yticks(), right.get_yticklabels(), strict=True):
        assert 10 * np.log10(tick / PARAMS.link.real_uses) == pytest.approx(float(label.get_text().replace("−", "-")))


def test_infinite_and_zero_ratios_lie_in_strips_beyond_the_axis() -> None:
    figure = draw("zhang2026_fig_ratio")
    ticks = {
        label.get_text(): y
        for y, label in zip(figure.axes[0].get_yticks(), figure.axes[0].get_yticklabels(), strict=True)
    }
    medians = figure.axes[1]
    loose = [line for line in medians.lines if line.get_linestyle() == "None" and line.get_markerfacecolor() != "white"]
    heights = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in loose])
    table = TABLES["power_ratio"]()
    median = table[(table["population"] == "all") & (table["statistic"] == "median")]
    assert (heights > ticks["1000"]).sum() == np.isinf(median["ratio"]).sum() > 0
    assert (heights < ticks["1"]).sum() == (median["ratio"] == 0).sum() > 0
    assert ticks["<0.01"] < ticks["1"] < ticks["1000"] < ticks[">1000"]


def test_shows_the_claim_and_equality() -> None:
    text = everything(draw("zhang2026_fig_ratio"))
    assert "paper's claim: up to 14–16×" in text
    assert "equal" in text


def test_gallery_shows_the_pixels_themselves() -> None:
    figure = draw("extra_gallery")
    with np.load(Layout(PARAMS.run).gallery()) as arrays:
        shown, originals = arrays["images"], arrays["originals"]
    pictures = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    assert len(pictures) == shown.shape[0] * shown.shape[1] * shown.shape[2] + len(originals)
    assert all(any(np.array_equal(picture, one) for picture in pictures) for one in originals)
    assert all(axes.images[0].get_interpolation() == "nearest" for axes in figure.axes)
    text = everything(figure)
    assert "−20 dB" in text
    assert "attack: PGA" in text


@pytest.mark.parametrize("name", CURVES)
def test_draws_when_no_system_is_feasible_or_no_attack_needs_power(name: str) -> None:
    empty = {table: make().assign(status="infeasible") for table, make in TABLES.items()}
    assert "Infeasible" in everything(draw(name, **empty))
    power = TABLES["attack_power"]()
    power[[name for name in power.columns if "power" in str(name)]] = 0.0
    draw(name, attack_power=power)


def test_an_unknown_palette_is_a_wrong_parameter() -> None:
    given = inputs(CURVES[0])
    given.settings["plot"]["palette"] = "no such palette"
    with pytest.raises(ParamsError, match=r"plot\.palette: 'no such palette'"):
        looks(given, "systems")


def test_the_fonts_are_those_of_matplotlib() -> None:
    assert findfont("DejaVu Sans").startswith(str(Path(matplotlib.get_data_path())))


@pytest.mark.parametrize("context", ["paper", "notebook", "talk"])
def test_a_context_scales_sheet_and_text_alike(context: str) -> None:
    with canvas.style({"context": context}):
        assert canvas.sheet(2).get_figwidth() / matplotlib.rcParams["font.size"] == pytest.approx(7 / 8.2, rel=1e-3)
