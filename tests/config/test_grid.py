"""Grids: one entry of the params stands for every combination, overlays take choices out, and mistakes are named."""

from __future__ import annotations

from typing import Any

import pytest

from semrobust.config.grid import expand
from semrobust.config.params import Params, merge, validate
from semrobust.errors import ParamsError
from tests.conftest import raw_params

ENTRY: dict[str, Any] = {
    "label": "{size} and {colour}",
    "kind": "toy",
    "code": {"family": "nr", "seed": 1},
    "grid": {
        "size": {"s": {"label": "small", "code": {"n": 3}}, "16l": {"code": {"n": 9}}},
        "colour": {"red": {"label": "red", "hue": 0}, "blue": {"label": "blue", "hue": 240, "kind": "other"}},
    },
}


def grown(entries: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    problems: list[str] = []
    return expand(entries, "systems", merge, problems), problems


def with_grid(**changes: Any) -> dict[str, Any]:
    return {"toy": merge(ENTRY, changes)}


def test_every_combination_becomes_a_system_in_order() -> None:
    systems, problems = grown({"first": {"kind": "x"}, "toy": ENTRY, "last": None})
    assert not problems
    assert list(systems) == ["first", "toy_s_red", "toy_s_blue", "toy_16l_red", "toy_16l_blue", "last"]
    assert systems["first"] == {"kind": "x"}
    assert systems["last"] is None
    assert systems["toy_s_blue"] == {
        "label": "small and blue",
        "kind": "other",
        "code": {"family": "nr", "seed": 1, "n": 3},
        "hue": 240,
    }
    assert systems["toy_16l_red"]["label"] == "16l and red"  # a choice without a label is called by its name


def test_an_overlay_takes_a_choice_or_the_whole_grid_out() -> None:
    systems, problems = grown(with_grid(grid={"size": {"s": None}}))
    assert not problems
    assert list(systems) == ["toy_16l_red", "toy_16l_blue"]
    raw = merge(raw_params(), {"systems": {"ladder": None}})
    assert not any(name.startswith("ladder") for name in validate(raw).systems)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"grid": []}, "systems.toy.grid: [], must be a section with one entry per axis"),
        ({"grid": {"size": 3}}, "systems.toy.grid.size: 3, must be a section"),
        ({"grid": {"size": {"s": None, "16l": None}}}, "systems.toy.grid.size: {'s': None"),
        ({"grid": {"size": {"s": 3}}}, "systems.toy.grid.size.s: 3, must be a section of settings"),
        ({"grid": {"size": {"S-1": {}}}}, "systems.toy.grid.size.S-1: the name must be lower case"),
        ({"label": "all alike"}, "systems.toy.label: 'all alike', must hold {size} and {colour}"),
        ({"label": "{size} {weight}"}, "systems.toy.label: '{size} {weight}', must hold {size} and {colour}"),
        ({"label": None}, "systems.toy.label: None, must be a text"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], problem: str) -> None:
    systems, problems = grown(with_grid(**changes))
    assert systems == {}
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_seeds_are_the_same_system_under_other_names() -> None:
    toy = merge(ENTRY, {"seeds": 2, "grid": {"colour": {"blue": {"seeds": 1}}}})
    systems, problems = grown({"toy": toy, "plain": {"kind": "x", "label": "X", "seeds": 3}})
    assert not problems
    assert list(systems) == [
        "toy_s_red", "toy_s_red_seed_2", "toy_s_blue", "toy_16l_red", "toy_16l_red_seed_2", "toy_16l_blue", "plain",
        "plain_seed_2", "plain_seed_3",
    ]  # fmt: skip
    assert systems["toy_s_red_seed_2"] == systems["toy_s_red"] | {"label": "small and red, seed 2"}
    assert not any("seeds" in system for system in systems.values())


@pytest.mark.parametrize("seeds", [0, -1, 2.0, "2", True, None])
def test_a_wrong_number_of_seeds_is_named(seeds: Any) -> None:
    problems = grown({"plain": {"kind": "x", "seeds": seeds}})[1]
    assert problems == [f"systems.plain.seeds: {seeds!r}, must be a whole number, at least 1"]


def test_a_combination_cannot_take_the_name_of_another_entry() -> None:
    for taken in ({"toy_s_red": {}, "toy": ENTRY}, {"toy": ENTRY, "toy_s_red": {}}):
        assert grown(taken)[1] == ["systems.toy.grid: 'toy_s_red', is the name of another entry too"]


def test_a_wrong_setting_of_a_combination_is_named_by_its_full_name() -> None:
    wrong = {"ladder": {"grid": {"code": {"nr_1_2": {"code": {"rate": "1/0"}}}}}}
    with pytest.raises(ParamsError) as caught:
        validate(merge(raw_params(), {"systems": wrong}))
    assert len(caught.value.problems) == 4
    assert caught.value.problems[0].startswith("systems.ladder_jpeg_qpsk_nr_1_2.code.nr.rate: '1/0'")


def test_the_ladder_of_the_experiments(params: Params) -> None:
    rungs = {name: system for name, system in params.systems.items() if name.startswith("ladder_")}
    assert len(rungs) == 2 * 2 * 6
    assert len({system.label for system in params.systems.values()}) == len(params.systems)
    assert all(system.attacks == [] for system in rungs.values())
    assert params.systems["ladder_hevc_16qam_regular_2_3"].label == "HEVC + regular LDPC 2/3 + 16-QAM"
    assert params.section("systems", "ladder_hevc_16qam_nr_2_3").items() >= {
        "kind": "hevc_ldpc", "label": "HEVC + 5G LDPC 2/3 + 16-QAM", "attacks": [], "stream": "payload",
        "subsampling": "4:2:0", "modulation": "16qam", "code": {"family": "nr", "rate": "2/3"}, "blocks": 1,
        "decoder": {"rule": "sum-product", "iterations": 50},
    }.items()  # fmt: skip
