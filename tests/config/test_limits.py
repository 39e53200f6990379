"""Limits: an overlay makes what it does not know small by rule, its own lines are exceptions, typos are refused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from semrobust.config.params import load, merge, overlaid, read_yaml
from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import LinkSettings, Positive, PositiveFloat, Settings, SystemKind, SystemSettings
from semrobust.errors import ParamsError
from tests.conftest import ROOT

NUMBERS = st.integers(-9, 9) | st.floats(-9, 9)
ENTRIES = st.dictionaries(
    st.sampled_from("xy"),
    st.none() | st.dictionaries(st.sampled_from("abc"), NUMBERS | st.booleans() | st.none() | st.text(max_size=2)),
)


@settings(max_examples=200, deadline=None)
@given(entries=ENTRIES, most=NUMBERS, least=NUMBERS)
def test_numbers_are_within_the_limits_and_all_else_stays(entries: dict[str, Any], most: float, least: float) -> None:
    before = copy.deepcopy(entries)
    limits = {"at_most": {"attacks": {"a": most}}, "at_least": {"attacks": {"b": least}}}
    after = merge({"attacks": entries, "link": {"a": 99}}, limits)
    assert entries == before
    assert set(after) == {"attacks", "link"}
    assert after["link"] == {"a": 99}
    assert set(after["attacks"]) == set(entries)
    for name, entry in entries.items():
        for key, value in (entry or {}).items():
            found = after["attacks"][name][key]
            limited = key in "ab" and isinstance(value, int | float) and not isinstance(value, bool)
            if not limited or (value <= most if key == "a" else value >= least):
                assert found is value or found == value
            else:
                assert found == (most if key == "a" else least)
    assert merge(after, limits) == after


def test_the_longest_path_that_fits_counts() -> None:
    base = {"systems": {"s": {"width": 50, "net": {"width": 50, "depth": 50}, "deep": {"net": {"width": 50}}}}}
    limits = {"at_most": {"systems": {"width": 1, "net.width": 2, "deep.net.width": 3}}}
    assert merge(base, limits) == {
        "systems": {"s": {"width": 1, "net": {"width": 2, "depth": 50}, "deep": {"net": {"width": 3}}}}
    }


def test_limits_hold_for_defaults_choices_and_attacks_under_criteria() -> None:
    base = {
        "defaults": {"systems": {"g": {"kinds": ["k"], "n": 9}}, "attacks": {"g": {"n": 9}}, "noise": {"g": {"n": 9}}},
        "systems": {"s": {"n": 9, "grid": {"axis": {"one": {"n": 9}, "two": None}}}},
        "attacks": {"a": {"n": 9, "grid": 9}, "gone": None},
        "criteria": {"n": 9, "attacks": {"a": {"n": 9}}},
        "recognition": {"n": 9, "noise": {"r": {"n": 9, "list": [9, 9]}}, "adaptive": {"noise": {"r": {"n": 9}}}},
    }
    limits = {"at_most": {"systems": {"n": 1}, "attacks": {"n": 2}, "noise": {"n": 3}}}
    assert merge(base, limits) == {
        "defaults": {"systems": {"g": {"kinds": ["k"], "n": 1}}, "attacks": {"g": {"n": 2}}, "noise": {"g": {"n": 3}}},
        "systems": {"s": {"n": 1, "grid": {"axis": {"one": {"n": 1}, "two": None}}}},
        "attacks": {"a": {"n": 2, "grid": 9}, "gone": None},
        "criteria": {"n": 9, "attacks": {"a": {"n": 2}}},
        "recognition": {"n": 9, "noise": {"r": {"n": 3, "list": [9, 9]}}, "adaptive": {"noise": {"r": {"n": 3}}}},
    }


def test_lines_of_the_overlay_and_of_later_ones_are_exceptions(tmp_path: Path) -> None:
    first = {"at_most": {"systems": {"training.epochs": 2}}, "systems": {"deepjscc": {"training": {"epochs": 7}}}}
    second = {"systems": {"vit": {"training": {"epochs": 9}}}}
    files = [ROOT / "params.yaml"]
    for name, content in (("first", first), ("second", second)):
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(yaml.safe_dump(content))
    params = load(files)
    epochs = {
        name: system["training"]["epochs"]
        for name, system in params.section("systems").items()
        if system.get("training") is not None
    }
    assert epochs.pop("deepjscc") == 7
    assert epochs.pop("vit") == 9
    assert set(epochs.values()) == {2}
    turned = load([files[0], files[2], files[1]])
    assert turned.section("systems", "vit", "training", "epochs") == 2


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        ({"at_most": 3}, "at_most: 3, must be a section with systems, attacks, noise"),
        ({"at_most": {"link": {"snr_db": 3}}}, "at_most.link: {'snr_db': 3}, unknown key"),
        ({"at_most": {"systems": 3}}, "at_most.systems: 3, must be a section of limits"),
        ({"at_most": {"systems": {"training.epoch": 3}}}, "at_most.systems.training.epoch: 3, no setting of that name"),
        ({"at_most": {"systems": {"max_steps": 3}}}, "at_most.systems.max_steps: 3, no setting of that name"),
        ({"at_most": {"attacks": {"margins": 3}}}, "at_most.attacks.margins: 3, no setting of that name is a number"),
        ({"at_least": {"attacks": {"starts": "all"}}}, "at_least.attacks.starts: 'all', must be a number"),
        ({"at_least": {"attacks": {"starts": True}}}, "at_least.attacks.starts: True, must be a number"),
        ({"at_most": {"systems": {"training": {"epochs": 3}}}}, "at_most.systems.training: {'epochs': 3}, no setting"),
        ({"at_most": {"systems": {"training.epochs": 2.5}}}, "at_most.systems.training.epochs: 2.5, must be a whole"),
        ({"at_most": {"noise": {"samples": None}}}, "at_most.noise.samples: None, must be a number"),
    ],
)
def test_a_limit_that_could_not_work_is_refused(tmp_path: Path, limits: dict[str, Any], problem: str) -> None:
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(yaml.safe_dump(limits))
    with pytest.raises(ParamsError, match=r"mine\.yaml") as caught:
        load([ROOT / "params.yaml", overlay])
    (found,) = caught.value.problems
    assert found.startswith(problem)


def test_limits_of_the_first_file_limit_nothing_and_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("at_most: { systems: { width: 3 } }\n" + (ROOT / "params.yaml").read_text(encoding="utf-8"))
    with pytest.raises(ParamsError, match="at_most: limits what the files before say, and this is the first"):
        load([file])


# what the limits of the presets are for: a new system, attack or noise is small there without a line of its own

BOUNDS = {
    "demo": {"epochs": 4, "hidden": 64, "max_steps": 400, "sets": 1000, "samples": 2, "codebook_size": 64},
    "ci": {"epochs": 1, "hidden": 16, "max_steps": 40, "sets": 100, "samples": 2, "codebook_size": 16},
}


def numbers(section: Any, key: str = "") -> list[tuple[str, float]]:
    if isinstance(section, dict):
        return [found for name, inner in section.items() for found in numbers(inner, name)]
    return [(key, section)] if isinstance(section, int | float) and not isinstance(section, bool) else []


@pytest.mark.parametrize("preset", BOUNDS)
def test_entries_written_out_at_full_scale_are_small_in_a_preset(tmp_path: Path, preset: str) -> None:
    """Every entry of the reference run once more, under a name that no overlay knows."""
    raw = read_yaml(ROOT / "params.yaml")
    whole = load([ROOT / "params.yaml"]).section()
    new = {f"new_{name}": entry | {"attacks": []} for name, entry in whole["systems"].items()}
    for entry in new.values():
        if entry.get("start"):
            entry["start"] = f"new_{entry['start']}"
    raw["systems"] |= new
    raw["attacks"] |= {f"new_{name}": entry for name, entry in whole["attacks"].items()}
    raw["recognition"]["noise"] |= {f"new_{name}": entry for name, entry in whole["recognition"]["noise"].items()}
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(raw))
    merged = overlaid([file, ROOT / "params" / f"{preset}.yaml"])
    added = [
        entry
        for section in (merged["systems"], merged["attacks"], merged["recognition"]["noise"])
        for name, entry in section.items()
        if name.startswith("new_")
    ]
    assert len(added) == len(new) + len(whole["attacks"]) + len(whole["recognition"]["noise"])
    found = [pair for entry in added for pair in numbers(entry)]
    for key, bound in BOUNDS[preset].items():
        values = [value for name, value in found if name == key]
        assert values
        assert max(values) <= bound, key


class PooledTraining(Settings):
    epochs: Positive
    batch: Positive
    learning_rate: PositiveFloat


class PooledAnalogSettings(SystemSettings):
    """As on the page of docs that adds a system, and a network as it says there."""

    kind: Literal["pooled_analog"]
    contrast: PositiveFloat
    width: Positive
    training: PooledTraining | None
    fine: Annotated[float, Field(gt=0)] = 1.0

    def problems(self, link: LinkSettings) -> list[str]:
        return []


class PooledAnalog(SystemKind):
    Settings: ClassVar[type[SystemSettings]] = PooledAnalogSettings
    side, trainable = "semantic", True
    capabilities = frozenset({"gradient"})


@pytest.mark.parametrize("preset", BOUNDS)
def test_the_worked_example_of_a_new_system_is_small_in_a_preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preset: str
) -> None:
    assert "deepjscc" in SYSTEMS
    monkeypatch.setitem(SYSTEMS._entries, "pooled_analog", PooledAnalog)
    raw = read_yaml(ROOT / "params.yaml")
    training = {"epochs": 25, "batch": 128, "learning_rate": 2.0e-3}
    raw["systems"]["pooled_analog"] = {
        "kind": "pooled_analog", "label": "Pooled analog", "contrast": 0.25, "width": 64, "training": training,
    }  # fmt: skip
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(raw))
    found = load([file, ROOT / "params" / f"{preset}.yaml"])
    system = found.section("systems", "pooled_analog")
    assert system["contrast"] == 0.25
    assert system["training"] == training | {"epochs": BOUNDS[preset]["epochs"]}
    assert system["width"] < 64
    assert ("pooled_analog", "pga") in found.pairs()
