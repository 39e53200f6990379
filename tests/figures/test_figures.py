"""What the figures show: labels, units, markers, and the points that a logarithmic axis would lose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.container import ErrorbarContainer as Bar
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.text import Text

from semrobust.errors import ParamsError
from semrobust.figures import canvas, extra_paper_vs_ours, step
from semrobust.figures.base import BEST_OF
from semrobust.figures.palette import colors, looks, tones
from semrobust.pipeline.verdicts import VERDICTS
from semrobust.tables.table import names as tables_of_runs
from semrobust.tables.table import table as table_of
from tests.figures.samples import INFEASIBLE, PARAMS, SEMANTIC, STUDIED, TABLES, inputs, write_gallery

ATTACKED = ("zhang2026_fig4_clean", "zhang2026_fig5_attack_power", "zhang2026_fig_ratio")
CURVES = (*ATTACKED, "extra_link_adaptation")
ABLATION = "zhang2026_fig6_classical_ablation"
LABELS = {name: PARAMS.systems[name].label for name in PARAMS.attacked()}


@pytest.fixture(autouse=True)
def _styled() -> Iterator[None]:
    with canvas.style(PARAMS.section("plot")):
        yield


@cache
def gallery() -> Path:
    path = Path(mkdtemp()) / "gallery.npz"
    write_gallery(path)
    return path


def draw(name: str, **changed: pd.DataFrame) -> Figure:
    figure = step.figure(name).draw(inputs(name, gallery(), **changed))
    figure.draw_without_rendering()
    return figure


@cache
def drawn(name: str) -> Figure:
    """The figure of the samples in the style of the params, to be looked at and left as it is."""
    return draw(name)


def texts(figure: Figure) -> list[Text]:
    return [t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_visible() and t.get_text().strip()]


def everything(figure: Figure) -> str:
    """Every word in the picture and in its notes."""
    return "\n".join([*(text.get_text() for text in texts(figure)), str(figure.get_label())])


@pytest.mark.parametrize("name", tables_of_runs())
def test_samples_are_as_the_tables_promise(name: str) -> None:
    table_of(name).checked(TABLES[name]())


@pytest.mark.parametrize("name", [*CURVES, ABLATION])
def test_each_data_line_has_a_marker(name: str) -> None:
    lines = [line for axes in drawn(name).axes for line in axes.lines if line.get_gid() != "reference"]
    assert lines
    assert all(line.get_marker() not in (None, "None", "", " ") for line in lines)


@pytest.mark.parametrize("name", [*CURVES, ABLATION])
def test_axis_labels_name_their_units(name: str) -> None:
    for axes in drawn(name).axes:
        for label in filter(None, (axes.get_xlabel(), axes.get_ylabel())):
            assert re.search(r"\((dB|×|total|share of images)\)$", label), label


@pytest.mark.parametrize("name", step.names())
def test_says_what_it_was_made_from(name: str) -> None:
    text = everything(drawn(name))
    counts = {
        "extra_gallery": "2",
        "zhang2026_fig5_attack_power": "500",
        ABLATION: "500",
        "zhang2026_fig_ratio": "500",
        "zhang2026_bounds": "1–128",
        "zhang2026_mechanism": "64",
        "extra_ratio_criteria": "2–64",
        "extra_attacker_knowledge": "110",
        "extra_frontier": "500",
        "extra_training_length": "256",
    }
    count = counts.get(name, "10,000")
    count = {"zhang2026_fig7_csi_clean": "3,000"}.get(name, "128" if "csi" in name else count)
    of = "samples" if "csi" in name else "images"
    images = "" if name == "extra_trapping_sets" else f"dataset cifar10, test {of}: {count} · "
    assert f"{images}run laptop · semrobust:0123456789abcdef" in text


@pytest.mark.parametrize("name", ATTACKED)
def test_names_every_system_and_why_one_is_missing(name: str) -> None:
    text = everything(drawn(name))
    assert all(label in text for label in LABELS.values())
    assert f"Infeasible: {LABELS[INFEASIBLE]} does not fit the bit budget." in text


@pytest.mark.parametrize("context", ["paper", pytest.param("talk", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", step.names())
def test_text_is_readable_within_the_sheet_and_overlaps_nothing(name: str, context: str) -> None:
    with canvas.style({"context": context}):
        figure = drawn(name) if context == PARAMS.plot.context else draw(name)
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
    figure = drawn(name)
    legend = figure.legends[0].get_window_extent()
    assert not any(legend.overlaps(axes.get_window_extent()) for axes in figure.axes)


def test_a_system_looks_the_same_in_all_figures() -> None:
    wanted = looks(inputs(CURVES[0]), "systems")
    for line in (line for axes in drawn("zhang2026_fig4_clean").axes for line in axes.lines):
        if line.get_gid() != "reference":
            look = next(look for look in wanted.values() if look.label == line.get_label())
            assert (line.get_color(), line.get_marker()) == (look.color, look.marker)
    panels = {axes.get_title().replace("\n", " "): axes for axes in drawn("zhang2026_fig5_attack_power").axes}
    for name, look in wanted.items():
        if name != INFEASIBLE:
            assert look.color in [line.get_color() for line in panels[look.label].lines]
    assert len({(look.color, look.marker) for look in wanted.values()}) == len(wanted)


@pytest.mark.parametrize("palette", ["colorblind", "bright", "viridis"])
def test_no_system_has_a_colour_that_is_hardly_seen_and_first_ones_are_not_grey(palette: str) -> None:
    given = inputs(CURVES[0])
    settings = given.settings | {"plot": given.settings["plot"] | {"palette": palette}}
    found = colors(replace(given, settings=settings), 10)
    assert len(set(found)) == 10
    assert max(0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in found) < 0.66
    assert min(max(color) - min(color) for color in found[:7]) > 0.05
    assert colors(replace(given, settings=settings), 3) == found[:3]


def test_tones_get_lighter_step_by_step() -> None:
    assert not tones(0)
    light = [sum(color) for color in tones(6)]
    assert light == sorted(light)
    assert min(np.diff(light)) > 0.05


def test_the_clean_figure_shows_attacked_systems_and_the_best_chains_as_references() -> None:
    networks, baselines = drawn("zhang2026_fig4_clean").axes
    for axes, side in ((networks, SEMANTIC), (baselines, set(LABELS) - set(SEMANTIC) - {INFEASIBLE})):
        curves = {line.get_label() for line in axes.lines if line.get_gid() != "reference"}
        assert curves == {LABELS[name] for name in side}
        references = {str(line.get_label()) for line in axes.lines if line.get_gid() == "reference"}
        assert "HEVC, best of 14 baselines" in references
        assert ("JPEG, best of 13 baselines" in references) == (axes is baselines)


def test_link_adaptation_shows_all_chains_and_the_best_at_each_snr() -> None:
    figure = drawn("extra_link_adaptation")
    table = TABLES["clean"]()
    assert [axes.get_title() for axes in figure.axes] == ["HEVC: 14 baselines", "JPEG: 12 baselines"]
    for axes, source, chains in zip(figure.axes, ("hevc", "jpeg"), (14, 12), strict=True):
        thin = [line for line in axes.lines if line.get_alpha() is not None]
        assert len(thin) == chains
        colors = {line.get_label(): line.get_color() for line in thin}
        assert set(colors) == {"QPSK", "16-QAM"}
        assert all(line.get_color() == colors[line.get_label()] for line in thin)
        assert len({*colors.values()} | {line.get_color() for line in axes.lines}) == 4
        best = next(line for line in axes.lines if line.get_label() == "best baseline at each SNR")
        rungs = [name for name, of in PARAMS.rungs().items() if of == source]
        of_source = table[table["system"].isin(rungs)]
        assert best.get_ydata() == pytest.approx(of_source.groupby("snr_db")["psnr_db"].max())
    assert f"Infeasible: {PARAMS.systems[INFEASIBLE].label} does not fit the bit budget." in everything(figure)


@pytest.mark.parametrize("name", ["zhang2026_fig5_attack_power", ABLATION])
def test_a_median_that_falls_on_censored_images_is_no_point(name: str) -> None:
    power = TABLES["attack_power"]()
    table = power.assign(power_total_median=power["power_total_median"].mask(power["snr_db"] > 15, np.inf))
    figure = draw(name, attack_power=table.assign(power_total_median_high=np.inf))
    assert "as ∞" in " ".join(everything(figure).split())
    if name == ABLATION:
        assert {container.get_label() for container in figure.axes[0].containers} == {"at 10 dB"}
        return
    for axes in figure.axes:
        assert np.isfinite(axes.get_ylim()).all()
        drawn_at = [np.asarray(line.get_xdata())[np.isfinite(np.asarray(line.get_ydata()))] for line in axes.lines]
        assert all((snr_db < 15).all() for snr_db in drawn_at)


def test_zero_power_stays_on_the_axis() -> None:
    figure = drawn("zhang2026_fig5_attack_power")
    panel = next(axes for axes in figure.axes if axes.get_title().replace("\n", " ") == LABELS["hevc_ldpc_16qam"])
    assert panel.get_yscale() == "symlog"
    assert panel.get_ylim()[0] < 0
    assert "At 0 the channel alone breaks half of the images" in everything(figure)
    power = TABLES["attack_power"]()
    power = power[power["power_total_median"] > 0]
    assert draw("zhang2026_fig5_attack_power", attack_power=power).axes[0].get_yscale() == "log"


def test_second_axis_is_the_power_over_the_signals() -> None:
    figure = drawn("zhang2026_fig5_attack_power")
    right = next(axes for axes in figure.axes if axes.get_ylabel() == "PSR (dB)")
    for tick, label in zip(right.get_yticks(), right.get_yticklabels(), strict=True):
        assert 10 * np.log10(tick / PARAMS.link.real_uses) == pytest.approx(float(label.get_text().replace("−", "-")))


def test_infinite_and_zero_ratios_are_no_points() -> None:
    table = TABLES["power_ratio"]()
    median = table[(table["population"] == "all") & (table["statistic"] == "median")]
    beyond = median[(median["semantic_attack"] == BEST_OF) & ~median["ratio"].between(0.1, 100)]
    assert np.isinf(beyond["ratio"]).any()
    assert (beyond["ratio"] == 0).any()
    figure = drawn("zhang2026_fig_ratio")
    first = next(name for name in LABELS if name in set(median["classical_system"]))
    of_panel = median[(median["classical_system"] == first) & (median["semantic_attack"] == BEST_OF)]
    shown = [line for line in figure.axes[1].lines if line.get_label() in LABELS.values()]
    points = sum(int(np.isfinite(np.asarray(line.get_ydata(), dtype=float)).sum()) for line in shown)
    assert points == of_panel["ratio"].between(0.1, 100).sum() < len(of_panel)
    assert "No point: the channel alone breaks half" in " ".join(everything(figure).split())


def test_the_ratio_is_that_of_the_best_attacks_alone() -> None:
    table = TABLES["power_ratio"]()
    best = table[table["semantic_attack"] == BEST_OF]
    assert len(best) < len(table)
    shown, alone = drawn("zhang2026_fig_ratio"), draw("zhang2026_fig_ratio", power_ratio=best)
    for one, other in zip(shown.axes, alone.axes, strict=True):
        assert one.get_ylim() == other.get_ylim()
        for line, same in zip(one.lines, other.lines, strict=True):
            np.testing.assert_array_equal(line.get_xydata(), same.get_xydata())
    assert "under its best attack on each" in everything(shown)


def test_the_ratio_hides_no_chain_and_says_who_is_left_out() -> None:
    figure = drawn("zhang2026_fig_ratio")
    text = " ".join(everything(figure).split())
    assert f"Grey: {len(STUDIED)} more baselines" in text
    for name, reason in PARAMS.left_out().items():
        assert f"Left out: {PARAMS.systems[name].label} ({reason})." in text
    table = TABLES["power_ratio"]()
    medians = table[(table["population"] == "all") & (table["statistic"] == "median")]
    of_first = medians[(medians["semantic_attack"] == BEST_OF) & (medians["semantic_system"] == SEMANTIC[0])]
    last = of_first[of_first["snr_db"] == of_first["snr_db"].max()].set_index("classical_system")["ratio"]
    lowest = str(last[list(STUDIED)].idxmin())
    assert [text.get_text() for text in figure.axes[0].texts] == [PARAMS.systems[lowest].label]
    for name in STUDIED:
        ratio = of_first[of_first["classical_system"] == name].sort_values("snr_db")["ratio"]
        wanted = ratio.where(ratio.between(0.1, 100)).to_numpy()
        values = [np.asarray(line.get_ydata(), dtype=float) for line in figure.axes[0].lines]
        assert any(len(y) == len(wanted) and np.allclose(y, wanted, equal_nan=True) for y in values), name


def test_the_ablation_has_a_group_per_study_and_each_chain_over_the_unchanged_one() -> None:
    """Under the attacks that all chains of a group have seen, at 10 and 20 dB."""
    (axes,) = drawn(ABLATION).axes
    first, *others = [name for name in PARAMS.attacked() if PARAMS.systems[name].kind.endswith("ldpc")]
    groups = {"modulation": others, **{study: list(PARAMS.studied(study)) for study in PARAMS.studies()}}
    rows = [text.get_text().strip() for text in axes.get_yticklabels()]
    labels = {study: [PARAMS.systems[name].label for name in names] for study, names in groups.items()}
    assert rows == [row for study, chains in labels.items() for row in (study, *chains)]
    table = TABLES["attack_power"]()
    bars = [bar for bar in axes.containers if isinstance(bar, Bar)]
    points = [np.asarray(bar.lines[0].get_xydata(), dtype=float)[0] for bar in bars]
    shown = {(str(bar.get_label()), round(y)): x for bar, (x, y) in zip(bars, points, strict=True)}
    counted = 0
    for study, names in groups.items():
        alike = {first, *names} - {INFEASIBLE}
        common = set.intersection(*({attack for system, attack in PARAMS.pairs() if system == name} for name in alike))
        least = table[table["attack"].isin(common)].groupby(["system", "snr_db"])["power_total_median"].min()
        for place, name in enumerate(names, start=rows.index(study) + 1):
            for snr_db in (10.0, 20.0) if name != INFEASIBLE else ():
                counted += 1
                assert shown[f"at {snr_db:g} dB", place] == pytest.approx(least[name, snr_db] / least[first, snr_db])
    assert counted == len(bars) > 20


def test_the_ablation_names_the_attacks_that_all_chains_of_a_panel_have_seen() -> None:
    text = " ".join(everything(drawn(ABLATION)).split())

    def said(*names: str) -> str:
        return ", ".join(attack.label for name, attack in PARAMS.attacks.items() if name in names)

    assert f"rate: {said('vulnerable_set', 'greedy_bits', 'instantons', 'spoofing')}" in text
    assert "modulation: all;" in text
    alike = ["code family", "block length", "decoder", "16-QAM", *(of for of in PARAMS.studies() if "PEG" in of)]
    assert f"{', '.join(alike)}: {said('vulnerable_set', 'instantons', 'spoofing')};" in text


def test_the_ablation_without_studies_shows_the_modulations() -> None:
    given = inputs(ABLATION)
    given.settings["labels"]["studies"] = {}
    (axes,) = step.figure(ABLATION).draw(given).axes
    assert axes.get_yticklabels()[0].get_text() == "modulation"


def test_shows_the_claim_and_equality() -> None:
    text = everything(drawn("zhang2026_fig_ratio"))
    assert "paper's claim: up to 14–16×" in text
    assert "equal" in text


def test_the_smallest_sets_of_a_code_are_shown_and_hollow_where_smaller_ones_may_exist() -> None:
    figure = drawn("extra_trapping_sets")
    table = TABLES["code_structure"]()
    left, right = figure.axes
    for place, system in enumerate(dict.fromkeys(table["system"])):
        of_code = table[(table["system"] == system) & (table["count"] > 0)]
        for axes, kind, column, by in ((left, "absorbing_set", "a", "b"), (right, "codeword", "weight", "kind")):
            of_kind = of_code[of_code["kind"] == kind]
            least = [rows.loc[rows[column].idxmin()] for _, rows in of_kind.groupby(by)]
            lines = [line for line in axes.lines if np.asarray(line.get_ydata())[0] == place]
            shown = {(np.asarray(line.get_xdata())[0], line.get_markerfacecolor() != "white") for line in lines}
            assert shown == {(row[column], bool(row["complete"])) for row in least}
    text = everything(figure)
    assert "a smaller one may exist" in " ".join(text.split())
    assert "regular (768, 386), girth 4" in text


def test_no_bar_of_proved_sizes_reaches_over_one_that_there_is() -> None:
    """Sizes 1 to 13 are searched; 8 has words, and the odd sizes beyond have none, either."""
    table = TABLES["code_structure"]()
    one = table[(table["system"] == table["system"].iloc[0]) & (table["kind"] == "codeword")].iloc[:1]
    rows = pd.concat([one] * 13).assign(a=range(1, 14), complete=True, count=0, weight=np.nan)
    rows.loc[rows["a"].isin([8, 10]).to_numpy(), ["count", "weight"]] = [3, 8.0]
    _, right = draw("extra_trapping_sets", code_structure=rows).axes
    (bar,) = right.patches
    assert bar.get_window_extent().transformed(right.transData.inverted()).x1 == pytest.approx(7)


def test_trapping_sets_without_a_code_are_an_empty_sheet() -> None:
    empty = TABLES["code_structure"]().iloc[:0]
    assert "run laptop" in everything(draw("extra_trapping_sets", code_structure=empty))


def test_gallery_shows_the_pixels_themselves() -> None:
    figure = drawn("extra_gallery")
    with np.load(gallery()) as arrays:
        shown, originals = arrays["images"], arrays["originals"]
    pictures = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    assert len(pictures) == shown.shape[0] * shown.shape[1] * shown.shape[2] + len(originals)
    assert all(any(np.array_equal(picture, one) for picture in pictures) for one in originals)
    assert all(axes.images[0].get_interpolation() == "nearest" for axes in figure.axes)
    text = everything(figure)
    assert "−20 dB" in text
    assert "attack: PGA" in text


@pytest.mark.parametrize("name", [*CURVES, ABLATION])
def test_draws_when_no_system_is_feasible_or_no_attack_needs_power(name: str) -> None:
    empty = {table: make().assign(status="infeasible") for table, make in TABLES.items()}
    assert "Infeasible" in everything(draw(name, **empty))
    power = TABLES["attack_power"]()
    power[[name for name in power.columns if "power" in str(name)]] = 0.0
    draw(name, attack_power=power)


def test_bounds_show_each_quantity_of_each_system_that_theory_speaks_of() -> None:
    figure = drawn("zhang2026_bounds")
    titles = [axes.get_title().replace("\n", " ") for axes in figure.axes if axes.get_title()]
    assert titles == [LABELS[name] for name in (*SEMANTIC, "hevc_ldpc_qpsk")]
    text = " ".join(everything(figure).split())
    assert "no such bound" in text
    assert "Eq. 12 promises nothing (0) at 100% of the points" in text
    assert f"{LABELS['deepjscc']}: measured power is 200 to 200 times the certificates (medians); measured" in text
    assert "1·10⁷ to 1·10⁷ times eq. 10 (medians); attacks beat the local diagnostic" in text
    upper, lower = figure.axes[:3] + figure.axes[6:9], figure.axes[3:6] + figure.axes[9:]
    counts = [[len(axes.get_legend_handles_labels()[0]) for axes in panels] for panels in (upper, lower)]
    assert counts[0] == [3, 1, 1, 1, 1, 3]
    assert counts[1] == [1, 1, 0, 0, 1, 0]  # no bound of attention, of weights from the SNR, nor of chains
    assert {axes.get_ylim() for axes in upper} == {upper[0].get_ylim()}
    table = TABLES["bounds"]()
    shown = table[(table["system"] == "deepjscc") & (table["quantity"] == "image")]
    line = next(line for line in upper[0].lines if "certificate" in str(line.get_label()))
    np.testing.assert_allclose(np.asarray(line.get_ydata()), shown["power_total_mean"])
    few = next(line for line in upper[1].lines if "measured" in str(line.get_label()))
    assert len(np.asarray(few.get_xdata())) == len(shown) - 1  # one image is no mean


def test_claims_are_shown_with_their_verdicts_in_words() -> None:
    cells = [" ".join(cell.get_text().split()) for cell in texts(drawn("extra_paper_vs_ours"))]
    text = " ".join(cells)
    table = TABLES["paper_vs_ours"]()
    for claim in table["text"]:
        assert claim in text
    for verdict, count in table["verdict"].value_counts().items():
        assert cells.count(str(verdict)) == count
    assert "1.4·10⁷ [1.12·10⁷, 1.68·10⁷]" in text
    assert "attack (14–16×)" in text
    draw("extra_paper_vs_ours", paper_vs_ours=table.iloc[:0])
    marks = extra_paper_vs_ours._MARKS
    assert tuple(marks) == VERDICTS
    assert len({marker for marker, _ in marks.values()}) == len(marks)


def test_claims_name_systems_by_their_labels() -> None:
    name, label = next((name, PARAMS.systems[name].label) for name in PARAMS.compared() if "_" in name)
    table = TABLES["paper_vs_ours"]().assign(measure=f"times the power of {name}, at 4 dB; {name}x")
    cells = [" ".join(cell.get_text().split()) for cell in texts(draw("extra_paper_vs_ours", paper_vs_ours=table))]
    assert any(f"times the power of {label}, at 4 dB; {name}x" in cell for cell in cells)


def test_bounds_draw_when_theory_says_nothing() -> None:
    table = TABLES["bounds"]()
    draw("zhang2026_bounds", bounds=table[table["quantity"] == "measured"])
    draw("zhang2026_bounds", bounds=table.iloc[:0])


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


def numbered(figure: Figure) -> list[list[str]]:
    """By panel, the numbers beside its points."""
    return [sorted(text.get_text() for text in axes.texts if text.get_text()) for axes in figure.axes]


def test_the_frontier_numbers_systems_of_a_front_and_no_other() -> None:
    """Ends of fronts, and in between who stands apart: the legend names these."""
    figure = drawn("extra_frontier")
    table = TABLES["frontier"]()
    assert [axes.get_title() for axes in figure.axes] == [f"SNR {snr_db:g} dB" for snr_db in PARAMS.frontier_snr_db()]
    named = {PARAMS.systems[name].label for name in table.loc[table["on_front"], "system"]}
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert set(said) & {PARAMS.systems[name].label for name in PARAMS.compared()} <= named
    for numbers, (_, rows) in zip(numbered(figure), table.groupby("snr_db"), strict=True):
        ends = sum(min(2, len(of_side)) for _, of_side in rows[rows["on_front"]].groupby("side"))
        assert 1 < ends <= len(numbers) <= rows["on_front"].sum()


def test_the_frontier_numbers_no_point_that_lies_on_another_one() -> None:
    table = TABLES["frontier"]()
    side = table["side"].iloc[0]
    crowd = table[(table["side"] == side) & (table["snr_db"] == table["snr_db"].iloc[0])].head(1)
    crowd = pd.concat([crowd] * 4).assign(
        system=list(PARAMS.compared())[:4], works=True, on_front=True, psnr_db=[20.0, 20.01, 20.02, 30.0],
        psnr_db_low=20.0, psnr_db_high=30.0, power_total_median=[40.0, 39.9, 39.8, 10.0], power_total_median_low=10.0,
        power_total_median_high=40.0,
    )  # fmt: skip
    assert [len(numbers) for numbers in numbered(draw("extra_frontier", frontier=crowd))] == [2]


def test_the_frontier_draws_without_systems_or_fronts() -> None:
    table = TABLES["frontier"]()
    draw("extra_frontier", frontier=table.iloc[:0])
    draw("extra_frontier", frontier=table.assign(works=False, on_front=False))
    draw("extra_frontier", frontier=table.assign(power_total_median=np.inf))


def test_ratios_on_channel_states_are_drawn_where_both_work_and_have_a_size() -> None:
    """The samples' baselines lose blocks up to 4 dB; under two criteria ratios are undefined or infinite."""
    figure, ratios = drawn("extra_csi_ratio"), TABLES["csi_power_ratio"]()
    titles = [axes.get_title() for axes in figure.axes]
    criteria = [rule.label for rule in PARAMS.csi.broken.values()]
    assert [sum(title.endswith(f"; {label}") for title in titles) for label in criteria] == [2, 2, 0, 0]
    lines = [line for axes in figure.axes for line in axes.lines if line.get_gid() != "reference"]
    assert len(lines) == 4 * len(titles)
    assert all(np.min(line.get_xdata()) > 4 for line in lines)
    none = draw("extra_csi_ratio", csi_power_ratio=ratios[ratios["criterion"].isin(["nmse_16", "shifted_16"])])
    assert "no ratio under any criterion" in everything(none)


def test_a_figure_without_a_value_says_why() -> None:
    nothing = TABLES["csi_attack_power"]().iloc[:0]
    assert "none can be compared" in everything(draw("zhang2026_fig9_csi_ablation", csi_attack_power=nothing))
    assert "none can be compared" not in everything(drawn("zhang2026_fig9_csi_ablation"))
