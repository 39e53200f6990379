"""`semrobust plan` says what a run would make and why; presets and overlays; a verb says what came out, and where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from semrobust.pipeline import record
from semrobust.pipeline.plan import Plan
from tests.cli.conftest import Call, Write


def lines(said: str) -> dict[str, tuple[int, int, str]]:
    """Kind: how many of how many, and why."""
    found = re.findall(r"^(\w+) +(\d+) of (\d+) +.*: (.*)$", said, re.M)
    return {kind: (int(missing), int(asked), why) for kind, missing, asked, why in found}


def test_what_is_missing_is_counted_and_a_changed_setting_is_named(
    call: Call, write: Write, small_raw: dict[str, Any], project: Path
) -> None:
    said = call("plan").stdout
    whole = Plan.read(Path("data/small/plan"))
    assert said.splitlines()[-1] == f"data/small/plan: {len(whole)} artifacts, {len(whole)} to make"
    assert {why for _, _, why in lines(said).values()} == {"not made yet"}
    assert sum(missing for missing, _, _ in lines(said).values()) == len(whole)
    assert call("data").exit_code == 0
    again = call("plan").stdout
    assert "dataset" not in lines(again)
    assert again.splitlines()[-1].endswith(f"{len(whole)} artifacts, {len(whole) - 1} to make")
    small_raw["data"]["train_images"] = 64
    write(small_raw)
    assert lines(call("plan").stdout)["dataset"] == (1, 1, "data.train_images (was 96, now 64)")
    whole = Plan.read(Path("data/small/plan"))
    assert call("data").exit_code == 0
    whole["dataset/photos10"].path().unlink()
    assert lines(call("plan").stdout)["dataset"] == (1, 1, "part of it is missing")


def test_a_preset_is_params_and_an_overlay_of_params_by_its_name(
    call: Call, small_raw: dict[str, Any], project: Path
) -> None:
    Path("params").mkdir()
    Path("params/tiny.yaml").write_text("run: tiny\n")
    Path("more.yaml").write_text("seed: 7\n")
    assert call("plan", "--preset", "tiny").stdout.splitlines()[-1].startswith("data/tiny/plan: ")
    assert call("plan", "--preset", "laptop").stdout.splitlines()[-1].startswith("data/small/plan: ")
    assert call("plan", "--preset", "tiny", "--params", "more.yaml").exit_code == 0
    plan = Plan.read(Path("data/tiny/plan"))
    assert plan.sources == ("params.yaml", "params/tiny.yaml", "more.yaml")
    assert plan["dataset/photos10"].settings["seed"] == 7


def test_an_overlay_alone_says_so_in_one_line(call: Call, project: Path) -> None:
    Path("params").mkdir()
    Path("params/tiny.yaml").write_text(yaml.safe_dump({"run": "tiny", "at_most": {"systems": {"width": 2}}}))
    result = call("plan", "--params", "params/tiny.yaml")
    assert result.exit_code == 2
    _, line = result.stderr.splitlines()
    assert "so it is an overlay: name the whole params first" in line
    assert line.endswith("--params params.yaml --params params/tiny.yaml, or give --preset tiny")


@pytest.mark.parametrize(
    ("path", "near"), [(("link", "real_use"), "real_uses"), (("evaluation", "bootstrap_sample"), "bootstrap_samples")]
)
def test_an_unknown_key_names_the_one_that_was_meant(
    call: Call, write: Write, small_raw: dict[str, Any], path: tuple[str, str], near: str
) -> None:
    small_raw[path[0]][path[1]] = 1
    write(small_raw)
    assert f"{'.'.join(path)}: 1, unknown key (did you mean '{near}'?)" in call("plan").stderr


def test_a_verb_says_in_one_line_what_came_out_and_where(call: Call, project: Path) -> None:
    path = Plan.current([Path("params.yaml")])["dataset/photos10"].path()
    counts = "96 train images, 20 validation images, 24 test images"
    for took in (r"\d+ s", "was here"):
        assert re.fullmatch(rf"dataset/photos10: {counts}; {path} \({took}\)", call("data").stderr.splitlines()[-1])
    (said,) = call("train", "jpeg_ldpc_qpsk").stderr.splitlines()
    assert said.startswith("train/jpeg_ldpc_qpsk: ready as it is; data/small/models/jpeg_ldpc_qpsk-")
    assert record.read(Path(said.split("; ")[1].split(" (")[0]).with_suffix(".json"))["job"]["kind"] == "train"
