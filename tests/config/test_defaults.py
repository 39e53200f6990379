"""Defaults: under every entry of their kinds, never in what is resolved, and wrong ones are named where they stand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semrobust.config.defaults import Defaults
from semrobust.config.params import Params, merge, validate
from semrobust.config.settings import Settings
from semrobust.errors import ParamsError
from tests.conftest import raw_params


class Part(Settings):
    size: int
    rate: float | None = None


class Toy(Settings):
    kind: str
    a: int
    part: Part
    inner: dict[str, Any] | None = None


KINDS: dict[str, type[Settings]] = {"toy": Toy, "other": Toy}


def of(groups: Any) -> Defaults:
    return Defaults(groups, "defaults.toys", KINDS)


def filled(groups: Any, **entry: Any) -> dict[str, Any]:
    defaults = of(groups)
    assert defaults.problems == []
    return defaults.under(entry)


def refused(*overlays: dict[str, Any]) -> list[str]:
    raw = raw_params()
    for overlay in overlays:
        raw = merge(raw, overlay)
    with pytest.raises(ParamsError) as caught:
        validate(raw)
    return caught.value.problems


def test_the_nearer_wins() -> None:
    groups = {
        "both": {"kinds": ["toy", "other"], "a": 1, "part": {"size": 1, "rate": 0.5}},
        "toy": {"part": {"size": 2}},
    }
    assert filled(groups, kind="other") == {"kind": "other", "a": 1, "part": {"size": 1, "rate": 0.5}}
    assert filled(groups, kind="toy") == {"kind": "toy", "a": 1, "part": {"size": 2, "rate": 0.5}}
    assert filled(groups, kind="toy", a=3, part={"size": 4}) == {
        "kind": "toy",
        "a": 3,
        "part": {"size": 4, "rate": 0.5},
    }
    assert filled(groups, kind="toy", part={"rate": None})["part"] == {"size": 2, "rate": None}
    assert filled(groups, kind="toy", part=None)["part"] is None
    assert filled(groups, kind="none") == {"kind": "none"}
    assert filled({"toy": None}, kind="toy") == {"kind": "toy"}


def test_a_section_with_a_kind_inside_another_has_its_defaults() -> None:
    groups = {"other": {"a": 1, "part": {"size": 1}}}
    assert filled(groups, kind="toy", inner={"kind": "other", "a": 2})["inner"] == {
        "kind": "other", "a": 2, "part": {"size": 1},
    }  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    shared=st.fixed_dictionaries(
        {}, optional={"a": st.integers(), "part": st.fixed_dictionaries({"size": st.integers()})}
    ),
    entry=st.fixed_dictionaries({"kind": st.just("toy")}, optional={"a": st.integers(), "part": st.none()}),
)
def test_an_entry_loses_nothing_and_gains_the_rest(shared: dict[str, Any], entry: dict[str, Any]) -> None:
    whole = filled({"toy": shared}, **entry)
    assert whole == shared | entry
    assert filled({"toy": shared}, **whole) == whole


@pytest.mark.parametrize(
    ("groups", "problem"),
    [
        ([], "defaults.toys: [], must be a section"),
        ({"toy": 3}, "defaults.toys.toy: 3, must be a section"),
        ({"tou": {"a": 1}}, "defaults.toys.tou: ['tou'], must be of toy, other"),
        ({"all": {"kinds": ["toy", "tou"], "a": 1}}, "defaults.toys.all.kinds: ['toy', 'tou'], must be of toy, other"),
        ({"all": {"kinds": "toy"}}, "defaults.toys.all.kinds: 'toy', must be of"),
        ({"all": {"kinds": []}}, "defaults.toys.all.kinds: [], must be of"),
        ({"toy": {"kind": "toy"}}, "defaults.toys.toy.kind: 'toy', unknown key"),
        ({"toy": {"b": 1}}, "defaults.toys.toy.b: 1, unknown key"),
        ({"toy": {"part": {"sise": 1}}}, "defaults.toys.toy.part.sise: 1, unknown key"),
        ({"toy": {"part": {"size": "big"}}}, "defaults.toys.toy.part.size: 'big', "),
    ],
)
def test_wrong_defaults_are_named(groups: Any, problem: str) -> None:
    (found,) = of(groups).problems
    assert found.startswith(problem)


def test_a_key_that_only_some_kinds_have_says_which_lack_it() -> None:
    (problem,) = refused({"defaults": {"systems": {"vit": {"quality": 30}}}})
    assert problem == "defaults.systems.vit.quality: 30, unknown key for kind vit and chain_vit"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (3, "defaults: 3, must be a section with systems, attacks, noise"),
        ({"link": {}}, "defaults.link: {}, unknown key"),
        (
            {"systems": {"deepjscc": {"training": {"epoch": 1}}}},
            "defaults.systems.deepjscc.training.epoch: 1, unknown key",
        ),
        ({"systems": {"chain": {"blocks": 0}}}, "defaults.systems.chain.blocks: 0, "),
        ({"systems": {"chain": {"kinds": ["bpg"]}}}, "defaults.systems.chain.kinds: ['bpg'], must be of chain_vit, "),
        ({"attacks": {"direction": {"step_db": "fine"}}}, "defaults.attacks.direction.step_db: 'fine', "),
        ({"noise": {"all": {"norm": "l1"}}}, "defaults.noise.all.norm: 'l1', "),
        ({"noise": {"iterated": {"alpha": 1.0}}}, "defaults.noise.iterated.alpha: 1.0, unknown key"),
    ],
)
def test_a_wrong_default_is_one_problem_however_many_entries_have_it(given: Any, problem: str) -> None:
    raw = merge(raw_params(), {"defaults": given})
    with pytest.raises(ParamsError) as caught:
        validate(raw)
    named = [found for found in caught.value.problems if found.startswith("defaults")]
    assert len(named) == 1
    assert named[0].startswith(problem)
    if isinstance(given, dict) and "kinds" not in str(given):
        assert caught.value.problems == named


def test_no_defaults_are_needed_and_none_are_resolved(params: Params) -> None:
    resolved = params.section()
    assert "defaults" not in resolved
    assert validate(resolved).section() == resolved, "entries written out in full need no defaults"
    assert validate(merge(raw_params(), resolved | {"systems": {}, "recognition": {}})).section() == resolved


def test_a_default_reaches_every_entry_of_its_kinds_that_says_nothing_else() -> None:
    params = validate(merge(raw_params(), {"defaults": {"systems": {"ldpc": {"decoder": {"iterations": 33}}}}}))
    decoders = {name: params.section("systems", name).get("decoder", {}) for name in params.systems}
    of = {name: decoder.get("iterations") for name, decoder in decoders.items()}
    for name in ("hevc_ldpc_qpsk", "jpeg_ldpc_16qam_full", "jpeg_vit_full", "ladder_jpeg_qpsk_nr_1_2"):
        assert of[name] == 33
    assert of["ablation_iterations_10"] == 10
    assert of["ablation_min_sum"] == 50, "of another rule"
    assert params.section("systems", "hevc_vit", "chain", "decoder", "iterations") == 33


def test_what_no_default_says_is_still_missing() -> None:
    raw = raw_params()
    del raw["defaults"]["systems"]["chain"]["code"]["draw"]
    with pytest.raises(ParamsError) as caught:
        validate(raw)
    assert "systems.jpeg_ldpc_qpsk.code.regular.draw: missing, the key is required" in caught.value.problems
    assert not any("_nr_" in problem for problem in caught.value.problems)
