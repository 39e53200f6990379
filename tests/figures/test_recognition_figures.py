"""Figures of hu2022: what is drawn are the table's values, whatever a run leaves out, and doubts are said."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from semrobust.figures import canvas, recognition, step
from semrobust.figures.base import FigureInputs
from tests.figures import samples
from tests.figures.recognition_samples import FLAGGED, TABLES, VIOLATED
from tests.figures.samples import PARAMS

FIG3, FIG4, FIG5, FIG6 = (
    "hu2022_fig3_index_flips", "hu2022_fig4_accuracy_rayleigh", "hu2022_fig5_accuracy_vs_noise", "hu2022_fig6_channels",
)  # fmt: skip
ABLATION, TABLE, SANITY = "extra_hu2022_ablation", "hu2022_table1_overhead", "extra_attack_sanity"
ADAPTIVE, THREATS = "extra_adaptive", "extra_threats"
NAMES = (FIG3, FIG4, FIG5, FIG6, ABLATION, TABLE, SANITY, ADAPTIVE)
GIVEN = PARAMS.recognition
LABELS = {name: PARAMS.systems[name].label for name in PARAMS.of_task("class")}
FULL = {name: make(PARAMS) for name, make in TABLES.items()}


@pytest.fixture(autouse=True)
def _styled() -> Iterator[None]:
    with canvas.style(PARAMS.section("plot")):
        yield


def inputs(name: str, **changed: pd.DataFrame) -> FigureInputs:
    return samples.inputs(name, None, **(FULL | changed))


def draw(name: str, given: FigureInputs | None = None, **changed: pd.DataFrame) -> Figure:
    return step.figure(name).draw(given or inputs(name, **changed))


def rendered(name: str, given: FigureInputs) -> Figure:
    figure = draw(name, given)
    figure.draw_without_rendering()
    return figure


def footer(figure: Figure) -> str:
    """What is said below the figure and in its notes."""
    return " ".join(f"{figure.get_supxlabel()} {figure.get_label()}".split())


def said(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def lines(axes: Axes) -> dict[str, Line2D]:
    """Lines of data and bounds by their names."""
    named = [line for line in axes.lines if line.get_label() != "guessing"]
    return {str(line.get_label()): line for line in named if not str(line.get_label()).startswith("_")}


def xs(line: Line2D) -> list[float]:
    return [float(x) for x in np.asarray(line.get_xdata(), dtype=float)]


def ys(line: Line2D) -> list[float]:
    return [float(y) for y in np.asarray(line.get_ydata(), dtype=float)]


def values(system: str, channel: str, noisy: bool) -> list[float]:
    rows = FULL["accuracy"]
    rows = rows[(rows["system"] == system) & (rows["channel"] == channel)]
    level = np.isclose(rows["semantic_noise_eps"], GIVEN.default_level / 255)
    rows = rows[(rows["attack"] == GIVEN.default_noise) & level] if noisy else rows[rows["attack"] == "none"]
    return list(rows.sort_values("snr_db")["accuracy"])


def without(systems: set[str]) -> dict[str, pd.DataFrame]:
    """The tables of a run that lacks these systems."""
    tables = {name: table[~table["system"].isin(systems)] for name, table in FULL.items()}
    overhead, accuracy = tables["overhead"], tables["accuracy"]
    tables["overhead"] = overhead[~overhead["reference"].isin(systems)]
    return tables | {"accuracy": accuracy[~accuracy["source"].isin(systems)]}


def lacking(name: str, systems: set[str]) -> FigureInputs:
    given = inputs(name, **without(systems))
    labels = given.settings["labels"]
    kept = {key: label for key, label in labels["classifiers"].items() if key not in systems}
    classifiers = {key: value for key, value in given.settings.get("classifiers", {}).items() if key not in systems}
    changed: dict[str, Any] = {"labels": labels | {"classifiers": kept}, "classifiers": classifiers}
    return replace(given, settings=given.settings | changed)


def test_schemes_are_found_by_what_they_are_made_of() -> None:
    found = recognition.roles(inputs(FIG4))
    assert found == {
        "mae": "mae_vq", "mae_no_at": "mae_no_at", "jpeg": "jpeg_vit_full", "vit": "vit", "mae_coded": "mae_vq_coded",
        "chain": "hevc_vit",
    }  # fmt: skip
    assert list(recognition.looks(inputs(FIG4)))[:6] == list(found.values())
    seen = recognition.looks(inputs(FIG4)).values()
    assert len({(look.color, look.marker) for look in seen}) == len(LABELS)


def test_accuracy_over_rayleigh_is_the_tables() -> None:
    figure = draw(FIG4)
    schemes = ("mae_vq", "jpeg_vit_full", "mae_vq_coded", "hevc_vit", "mae_no_at", "vit")
    for axes, noisy in zip(figure.axes, (False, True), strict=True):
        drawn = lines(axes)
        for system in schemes:
            line = drawn[LABELS[system] + " + SN" * (noisy and system != "vit")]
            if system == "vit":
                assert set(ys(line)) == set(values("vit", "error_free", noisy))
                continue
            assert xs(line) == GIVEN.snr_db
            assert ys(line) == values(system, "rayleigh", noisy)
            assert (line.get_markerfacecolor() == "white", line.get_linestyle() == "--") == (noisy, noisy)
        assert len(drawn) == len(schemes)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert set(legend) == {LABELS[system] for system in schemes} | {"guessing"}


def test_accuracy_over_noise_is_the_tables_between_the_classifiers() -> None:
    figure = draw(FIG5)
    table = FULL["accuracy"]
    assert len(figure.axes) == 2
    for axes, noise in zip(figure.axes, ("iterated", "iterated_l2"), strict=True):
        drawn, levels = lines(axes), GIVEN.noise[noise].epsilon_levels
        here = (table["channel"] == GIVEN.channel) & (table["snr_db"] == GIVEN.at_snr_db)
        rows = table[here & (table["system"] == "mae_vq") & (table["attack"] == noise)]
        rows = rows[rows["semantic_noise_eps"] > 0].sort_values("semantic_noise_eps")
        line = drawn[f"{LABELS['mae_vq']} + SN"]
        assert xs(line) == [0.0, *levels]
        assert ys(line)[1:] == list(rows["accuracy"])
        error_free = table[(table["channel"] == "error_free") & (table["system"] == "vit")]
        worst = error_free[error_free["attack"] == noise].sort_values("semantic_noise_eps")["accuracy"].iloc[-1]
        assert set(ys(drawn["ViT under most noise"])) == {worst}
        assert set(ys(drawn["ViT without noise"])) == set(values("vit", "error_free", False))
    assert f"{LABELS['jpeg_vit_full']} + SN" not in lines(figure.axes[1])  # that noise was not tried on it


def test_a_run_with_one_norm_has_one_panel() -> None:
    table = FULL["accuracy"]
    assert len(draw(FIG5, accuracy=table[table["norm"] != "l2"]).axes) == 1


def test_channels_are_the_tables() -> None:
    figure = draw(FIG6)
    for axes, system in zip(figure.axes, ("mae_vq", "jpeg_vit_full"), strict=True):
        drawn = lines(axes)
        assert set(drawn) == {channel.label for channel in PARAMS.channels.values()}
        for name, channel in PARAMS.channels.items():
            assert ys(drawn[channel.label]) == values(system, name, True)
    assert "MAE was trained over AWGN at 12 dB only." in footer(figure)


def test_flips_are_the_tables() -> None:
    axes = draw(FIG3).axes[0]
    table = FULL["index_flips"]
    shown = [name for name in recognition.looks(inputs(FIG3)) if name in set(table["system"]) - {"mae_vq_coded"}]
    for line, (system, noise) in zip(axes.lines, ((s, n) for s in shown for n in ("iterated", "random")), strict=True):
        rows = table[(table["system"] == system) & (table["attack"] == noise)].sort_values("semantic_noise_eps")
        assert ys(line) == list(rows["flip_rate"])
        assert line.get_linestyle() == ("-" if noise == "iterated" else ":")


def test_the_ablation_finds_the_noise_that_hurts_most() -> None:
    axes = draw(ABLATION).axes[0]
    table = recognition.at_point(recognition.rows_of(inputs(ABLATION), "accuracy"), inputs(ABLATION))
    shown = [name for name in recognition.looks(inputs(ABLATION)) if name.startswith("mae") and "coded" not in name]
    assert [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()] == [LABELS[n] for n in shown]
    (right,) = axes.child_axes
    named = [label.get_text().replace("\n", " ") for label in right.get_yticklabels()]
    for place, system in enumerate(shown):
        rows = table[(table["system"] == system) & (table["levels"] == GIVEN.default_level) & (table["norm"] == "linf")]
        worst = rows.sort_values("accuracy").iloc[0]
        transfer = worst["attack"] == "transfer"
        name = f"made against {LABELS[worst['source']]}" if transfer else GIVEN.noise[worst["attack"]].label
        assert named[place] == name
        dots = {str(line.get_gid()): xs(line)[0] for line in axes.lines if round(ys(line)[0]) == place}
        (clean,) = values_at(system, False)
        (default,) = values_at(system, True)
        assert dots == {"clean": clean, "default": default, "strongest": worst["accuracy"]}


def values_at(system: str, noisy: bool) -> list[float]:
    place = GIVEN.snr_db.index(GIVEN.at_snr_db)
    return [values(system, GIVEN.channel, noisy)[place]]


def test_adaptive_attacks_are_the_tables_and_signs_of_failing_ones_are_said() -> None:
    figure, table = draw(ADAPTIVE), FULL["adaptive"]
    (axes,) = figure.axes
    systems = [text.get_text().replace("\n", " ") for text in axes.get_yticklabels()]
    for family in ("white_box", "transfer", "black_box", "all"):
        expected = table[(table["attack"] == "worst") & (table["family"] == family)].set_index("system")["accuracy"]
        drawn = {round(ys(line)[0]): xs(line)[0] for line in axes.lines if line.get_gid() == family}
        named = {LABELS[str(name)]: value for name, value in expected.items()}
        assert {systems[place]: value for place, value in drawn.items()} == named
    note = footer(figure)
    assert f"accuracy left where noise hides any image (PGD): {LABELS[FLAGGED]}" in note, (
        "of which attack it is the sign"
    )
    assert f"attacks without its gradients that beat those with them: {LABELS[FLAGGED]}" in note
    assert "images without a gradient" not in note
    assert "Signs" not in footer(draw(ADAPTIVE, adaptive=table.assign(flags=np.nan)))


def test_the_overhead_is_the_tables() -> None:
    texts = said(draw(TABLE).axes[0])
    table = FULL["overhead"]
    width = 4 + table["reference"].nunique()
    rows = [texts[start : start + width] for start in range(0, len(texts), width)]
    assert [row[0].replace("\n", " ") for row in rows[1:]] == [
        n for k, n in LABELS.items() if k in set(table["system"])
    ]
    by_label = {row[0].replace("\n", " "): row for row in rows}
    assert by_label["MAE"][1:] == ["288", "32", "72", "54.1×\n[53.5, 54.6]", "19.3×\n[19.1, 19.5]"]
    assert by_label["MAE without codebook"][1] == "–"
    assert by_label[LABELS["jpeg_vit_full"]][3:5] == ["3,893\n[3,854, 3,932]", "1.00×"]


def test_the_grid_shows_the_worst_of_each_check_and_names_what_fails() -> None:
    figure = draw(SANITY)
    axes, text = figure.axes[0], footer(figure)
    place = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
    heads = [label.get_text().replace("\n", " ") for label in axes.get_xticklabels()]
    cells = {(int(cell.get_position()[1]), int(cell.get_position()[0])): cell.get_text() for cell in axes.texts}
    column = heads.index("own noise hurts as much as others' noise")
    assert cells[place.index(LABELS[VIOLATED]), column].startswith("✗ −12.0\n[−13.2,")
    assert cells[place.index(LABELS["mae_no_awp"]), column].startswith("≈ −0.4")
    assert cells[place.index(LABELS[FLAGGED]), heads.index("few gradients are exactly zero")] == "! 61.0%"
    assert text.count("Violated, ") == 2
    assert f"Flagged, {LABELS[FLAGGED]}, “few gradients are exactly zero”: iterated of 8 levels" in text


@pytest.mark.parametrize("name", [FIG3, FIG4, FIG5, FIG6, ABLATION])
def test_doubtful_noise_is_said_below_the_figures_that_show_the_system(name: str) -> None:
    assert f"“few gradients are exactly zero” flagged for {LABELS[FLAGGED]}" in footer(draw(name))
    assert LABELS[VIOLATED] not in footer(draw(name))  # not shown
    good = FULL["attack_sanity"].assign(verdict="holds")
    assert "Doubtful" not in footer(draw(name, attack_sanity=good))


def test_notes_follow_the_training_of_the_systems() -> None:
    given = inputs(FIG4)
    text = footer(draw(FIG4, given))
    assert "Two-step adversarial training with random start" in text
    assert f"weight perturbation 0.005): {LABELS['mae_vq']}, {LABELS['jpeg_vit_full']}" in text
    for name in ("mae_vq", "vit_at"):
        given.settings["classifiers"][name]["training"]["adversarial"].update(iterations=7, random_start=False)
    assert "7-step adversarial training (ε = 8/255, p = ∞" in footer(draw(FIG4, given))


LACKING = {
    "jpeg": {"jpeg_vit_full", "jpeg_vit_payload"},
    "vit": {"vit", "vit_at"},
    "mae": {"mae_vq", "mae_vq_coded"},
    "but vit": set(LABELS) - {"vit"},
    "all": set(LABELS),
}


@pytest.mark.parametrize("systems", LACKING.values(), ids=list(LACKING))
@pytest.mark.parametrize("name", NAMES)
def test_draws_without_some_systems(name: str, systems: set[str]) -> None:
    assert "run laptop" in footer(rendered(name, lacking(name, systems)))


@pytest.mark.parametrize("name", NAMES)
def test_draws_without_noise_and_without_channels(name: str) -> None:
    table = FULL["accuracy"]
    gone = {key: table.iloc[:0] for key, table in FULL.items()}
    for changed in (
        {"accuracy": table[table["attack"] == "none"]},
        {"accuracy": table[table["channel"] == "error_free"]},
        {"accuracy": table[(table["channel"] != "rayleigh") & (table["attack"] != "random")]},
        gone,
    ):
        assert "run laptop" in footer(draw(name, inputs(name, **changed)))


@pytest.mark.parametrize("name", NAMES)
def test_draws_from_files_alike(name: str, tmp_path: Path) -> None:
    """Empty cells come back as NaN, and eps is rounded."""
    tables = {}
    for key, table in FULL.items():
        table.to_csv(tmp_path / key, index=False, float_format="%.6g")
        tables[key] = pd.read_csv(tmp_path / key)
    given = inputs(name)
    read = replace(given, tables=tables)
    for one, other in zip(draw(name, given).axes, draw(name, read).axes, strict=True):
        for line, same in zip(one.lines, other.lines, strict=True):
            assert xs(line) == pytest.approx(xs(same), rel=1e-4)
            assert ys(line) == pytest.approx(ys(same), rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_same_inputs_same_bytes(name: str) -> None:
    drawn = [io.BytesIO(), io.BytesIO()]
    for file in drawn:
        draw(name).savefig(file, format="png", dpi=40)
    assert drawn[0].getvalue() == drawn[1].getvalue()


def test_both_threats_are_the_tables_for_every_system_and_measure() -> None:
    figure, table = draw(THREATS), FULL["threats"]
    shown = table[table["ratio"].isna() & (table["population"] == "right")].set_index(["system", "measure"])
    grid = np.array(figure.axes).reshape(2, 3)
    for row, task in enumerate(("image", "class")):
        for column, measure in enumerate(("power_total", "noise_linf", "noise_l2")):
            sizes = [float(shown["size_median"][name, measure]) for name in PARAMS.threatened(task)]
            dots = [line for line in grid[row, column].lines if line.get_marker() not in (">", "None")]
            assert [float(line.get_xdata()[0]) for line in dots] == [size for size in sizes if np.isfinite(size)]
            arrows = [line for line in grid[row, column].lines if line.get_marker() == ">"]
            assert len(arrows) == sum(not np.isfinite(size) for size in sizes)
            assert grid[row, column].get_xscale() == "log"
    faithful = {column: [line for line in grid[0, column].lines if line.get_linestyle() == ":"] for column in range(3)}
    assert not faithful[0]
    assert float(faithful[1][0].get_xdata()[0]) == pytest.approx(255 * 10 ** (-15 / 20))
    assert float(faithful[2][0].get_xdata()[0]) == pytest.approx(255 * 10 ** (-15 / 20) * 3072**0.5)
