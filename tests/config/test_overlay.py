"""Overlays: the overlay wins key by key, and a section that becomes another variant keeps nothing of the old one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semrobust.config.overlay import DISCRIMINATORS
from semrobust.config.params import merge, validate
from semrobust.errors import ParamsError
from tests.conftest import raw_params

LEAVES = st.one_of(st.none(), st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))
TREES = st.recursive(
    st.dictionaries(st.sampled_from("abc"), LEAVES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), st.one_of(LEAVES, inner), max_size=3),
    max_leaves=8,
)


def _wins(merged: Any, base: Any, overlay: Any) -> bool:
    """Merged holds the overlay everywhere, and the base wherever the overlay says nothing."""
    if not (isinstance(overlay, dict) and isinstance(base, dict)):
        return bool(merged == overlay)
    return set(merged) == {*base, *overlay} and all(
        _wins(merged[key], base.get(key), overlay[key]) if key in overlay else merged[key] == base[key]
        for key in merged
    )


@settings(max_examples=200, deadline=None)
@given(base=TREES, overlay=TREES)
def test_merge_lets_the_overlay_win_key_by_key(base: dict[str, Any], overlay: dict[str, Any]) -> None:
    before = copy.deepcopy((base, overlay))
    merged = merge(base, overlay)
    assert _wins(merged, base, overlay)
    assert (base, overlay) == before
    assert merge(merged, overlay) == merged
    assert merge(base, {}) == base
    assert merge({}, overlay) == overlay


def test_merge_replaces_lists_whole() -> None:
    assert merge({"a": [1, 2, 3]}, {"a": [4]}) == {"a": [4]}


VARIANTS = st.fixed_dictionaries(
    {"family": st.sampled_from(["x", "y"])},
    optional=dict.fromkeys("abc", LEAVES | TREES),
)


@settings(max_examples=200, deadline=None)
@given(base=VARIANTS, overlay=VARIANTS, name=st.sampled_from(DISCRIMINATORS))
def test_another_variant_replaces_the_old_one(base: dict[str, Any], overlay: dict[str, Any], name: str) -> None:
    old, new = ({name: one["family"]} | {k: v for k, v in one.items() if k != "family"} for one in (base, overlay))
    merged = merge({"deep": {"section": old}}, {"deep": {"section": new}})["deep"]["section"]
    if old[name] != new[name]:
        assert merged == new
    else:
        assert set(merged) == {*old, *new}
        assert merged[name] == old[name]


@pytest.mark.parametrize(
    ("path", "overlay"),
    [
        ("systems.jpeg_ldpc_16qam_full.code", {"family": "regular", "column_weight": 3, "row_weight": 6, "draw": 2}),
        ("systems.hevc_ldpc_qpsk.code", {"family": "nr", "rate": "1/3"}),
        ("systems.hevc_ldpc_qpsk.decoder", {"rule": "min-sum", "iterations": 7, "factor": 0.5}),
        ("systems.hevc_vit.chain.code", {"family": "regular", "column_weight": 3, "row_weight": 6, "draw": 0}),
    ],
)
def test_an_overlay_may_change_the_variant(path: str, overlay: dict[str, Any]) -> None:
    """In entries that say their variant themselves, and in those that have it from the defaults."""
    changed: Any = overlay
    for key in reversed(path.split(".")):
        changed = {key: changed}
    params = validate(merge(raw_params(), changed))
    assert params.section(*path.split(".")) == overlay


def test_a_transport_becomes_another_kind() -> None:
    coded = {"kind": "coded", "modulation": "qpsk", "code": {"family": "nr", "rate": "1/2"},
             "decoder": {"rule": "sum-product", "iterations": 3}}  # fmt: skip
    raw = merge(raw_params(), {"systems": {"mae": {"transport": coded}}})
    raw = merge(raw, {"systems": {"mae": {"transport": {"kind": "uncoded", "modulation": "16qam"}}}})
    assert validate(raw).section("systems", "mae_vq", "transport") == {"kind": "uncoded", "modulation": "16qam"}


def test_an_attack_of_another_kind_has_the_defaults_of_that_kind() -> None:
    overlay = {"attacks": {"minimum_norm": {"kind": "pga", "label": "again", "bisections": 3}}}
    params = validate(merge(raw_params(), overlay))
    whole = params.section("attacks", "pga") | {"label": "again", "bisections": 3}
    assert params.section("attacks", "minimum_norm") == whole


def test_noise_of_another_kind_has_the_defaults_of_that_kind() -> None:
    overlay = {"recognition": {"noise": {"through_channel": {"kind": "random", "label": "signs again"}}}}
    found = validate(merge(raw_params(), overlay)).section("recognition", "noise")
    assert found["through_channel"] == found["random"] | {"label": "signs again"}


def test_keys_that_the_new_kind_needs_must_be_given() -> None:
    with pytest.raises(ParamsError) as caught:
        validate(merge(raw_params(), {"systems": {"vit": {"kind": "deepjscc"}}}))
    assert "systems.vit.label: missing, the key is required" in caught.value.problems
    assert not any("unknown key" in problem for problem in caught.value.problems)
