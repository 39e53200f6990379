"""Keys of the real steps: which params reach which of them. What is shown differently is not made again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from semrobust.config.params import Params, merge, validate
from semrobust.pipeline.plan import Plan
from semrobust.pipeline.step import steps
from tests.conftest import raw_params

SHOWN = ("results", "figures")
"""Stages that cost seconds, and may be made again for less."""


@pytest.fixture(scope="module")
def plan(params: Params) -> Plan:
    return Plan.of(params)


def keys(plan: Plan) -> dict[str, str]:
    return {artifact.address: artifact.key for artifact in plan}


def changed(plan: Plan, overlay: dict[str, Any]) -> set[str]:
    """Addresses that both runs have, and whose keys differ."""
    before, after = keys(plan), keys(Plan.of(validate(merge(raw_params(), overlay))))
    return {address for address in before.keys() & after.keys() if before[address] != after[address]}


def costly(plan: Plan, addresses: set[str]) -> set[str]:
    return {address for address in addresses if plan[address].stage not in SHOWN}


def nested(path: str, value: Any) -> dict[str, Any]:
    for key in reversed(path.split(".")):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def behind(plan: Plan, address: str) -> set[str]:
    found = {address}
    for needed in plan[address].needs:
        found |= behind(plan, needed)
    return found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("systems.deepjscc.label", "other"), ("attacks.pga.label", "other"), ("plot.dpi", 60), ("data.path", "/mnt"),
        ("data.mirrors", []), ("evaluation.bootstrap_samples", 1234), ("systems.jpeg_ldpc_qpsk.study", "another"),
        ("systems.jpeg_ldpc_qpsk.left_out", "a reason"),
        ("run", "other"),
    ],
)  # fmt: skip
def test_what_is_only_shown_or_looked_for_elsewhere_makes_nothing_costly_again(
    plan: Plan, path: str, value: Any
) -> None:
    stale = changed(plan, nested(path, value))
    assert costly(plan, stale) <= {address for address in stale if plan[address].kind == "gallery"}


def test_a_plotting_param_redraws_and_does_nothing_else(plan: Plan) -> None:
    assert {plan[address].stage for address in changed(plan, nested("plot.dpi", 60))} <= {"figures"}


@pytest.mark.parametrize(
    ("path", "value", "kind", "name"),
    [
        ("systems.deepjscc.training.epochs", 3, "train", "deepjscc"),
        ("attacks.pga.max_steps", 3, "attack", "deepjscc.pga"),
        ("seed", 99, "dataset", "cifar10"),
        ("evaluation.batch", 3, "clean", "deepjscc"),
        ("link.real_uses", 1536, "train", "deepjscc"),
        ("data.test_images", 9000, "dataset", "cifar10"),
    ],
)
def test_a_param_reaches_its_step_and_all_that_rests_on_it(
    plan: Plan, path: str, value: Any, kind: str, name: str
) -> None:
    stale = changed(plan, nested(path, value))
    assert f"{kind}/{name}" in stale
    for artifact in plan:
        if f"{kind}/{name}" in behind(plan, artifact.address):
            assert artifact.address in stale


def test_an_attack_on_one_system_concerns_no_other(plan: Plan) -> None:
    stale = costly(plan, changed(plan, nested("systems.deepjscc.training.epochs", 3)))
    assert not any(address.startswith(("train/trained_", "attack/hevc_ldpc_qpsk.")) for address in stale)
    assert not stale & {"clean/hevc_ldpc_qpsk", "dataset/cifar10"}


def test_another_system_makes_nothing_costly_again(plan: Plan) -> None:
    """But the gallery, which shows all; and what is named otherwise is another training with other random numbers."""
    raw = raw_params()
    second = {"second": raw["systems"]["deepjscc"]}
    stale = changed(plan, {"systems": second})
    assert {plan[address].kind for address in costly(plan, stale)} <= {"gallery"}
    after = Plan.of(validate(merge(raw, {"systems": second})))
    assert after["train/second"].key != after["train/deepjscc"].key


def test_systems_with_one_code_share_its_structure(plan: Plan) -> None:
    jpeg, hevc = (plan[f"attack/{source}_ldpc_qpsk.vulnerable_set"] for source in ("jpeg", "hevc"))
    shared = [[need for need in artifact.needs if need.startswith("structure/")] for artifact in (jpeg, hevc)]
    assert shared[0] == shared[1]
    assert len(shared[0]) == 1


def test_no_two_artifacts_share_a_key_or_a_file(plan: Plan) -> None:
    assert len({artifact.key for artifact in plan}) == len({artifact.stem for artifact in plan}) == len(plan)
    plain = [artifact.plain_stem for artifact in plan if artifact.plain_stem]
    assert len(set(plain)) == len(plain)


def test_keys_do_not_depend_on_the_order_of_keys_in_a_section(plan: Plan) -> None:
    raw = raw_params()
    raw["systems"]["deepjscc"] = dict(reversed(raw["systems"]["deepjscc"].items()))
    raw["link"] = dict(reversed(raw["link"].items()))
    assert keys(Plan.of(validate(raw))) == keys(plan)


def test_settings_survive_json(plan: Plan) -> None:
    """Else a record would differ from the job that wrote it."""
    for artifact in plan:
        assert json.loads(json.dumps(artifact.settings)) == artifact.settings
        assert json.loads(json.dumps(artifact.recipe)) == artifact.recipe


def test_a_raised_version_reaches_its_attack_alone(plan: Plan, params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    from semrobust.config.registry import ATTACKS

    monkeypatch.setattr(ATTACKS[params.attacks["pga"].kind], "version", 99)
    before, after = keys(plan), keys(Plan.of(params))
    stale = {address for address in before if before[address] != after[address]}
    assert "attack/deepjscc.pga" in stale
    same_kind = {name for name, attack in params.attacks.items() if attack.kind == params.attacks["pga"].kind}
    attacks = {address.rpartition(".")[2] for address in stale if plan[address].kind == "attack"}
    assert same_kind <= attacks
    assert "train/deepjscc" not in stale


def test_every_step_has_a_line_of_help_and_settings_of_its_own(plan: Plan) -> None:
    for kind, step in steps().items():
        assert step.help, kind
        assert step.make.__module__ == step.module
    assert {artifact.kind for artifact in plan} <= steps().keys()
