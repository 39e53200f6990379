"""Plans: what a key depends on and what not, names of files, and the way to disk and back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from semrobust.errors import ArtifactError, UsageError
from semrobust.pipeline import code
from semrobust.pipeline.plan import Plan
from semrobust.pipeline.step import STAGES, Step
from tests.pipeline import small_project
from tests.pipeline.small_project import planned
from tests.pipeline.toys import net

pytestmark = pytest.mark.usefixtures("small")


def keys(**changes: Any) -> dict[str, str]:
    return {artifact.address: artifact.key for artifact in planned(**changes)}


def changed(**changes: Any) -> set[str]:
    """Kinds whose keys other params change."""
    before, after = keys(), keys(**changes)
    return {address.partition("/")[0] for address in before if before[address] != after[address]}


def test_a_plan_has_an_order_in_which_it_can_be_made() -> None:
    plan, seen = planned(), set[str]()
    for artifact in plan:
        assert set(artifact.needs) <= seen
        seen.add(artifact.address)
    assert len(plan) == len(seen) == 5


def test_a_key_depends_on_settings_and_on_the_keys_of_inputs_and_on_nothing_else() -> None:
    assert changed() == set()
    assert changed(dpi=60) == {"figure"}
    assert changed(samples=10) == {"table", "figure"}
    assert changed(width=8) == {"train", "table", "figure"}
    assert changed(seed=6) == {"dataset", "train", "table", "figure"}
    assert changed(run="other") == {"table", "figure"}  # data and networks do not know the run's name


def raised(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> set[str]:
    before = keys()
    step = replace(net.STEP, **changes)
    monkeypatch.setattr(net, "STEP", step)
    after = keys()
    return {address for address in before if before[address] != after.get(address)}


def test_a_version_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = raised(monkeypatch, versions=lambda *_: {"train": 2})
    assert changed == {"train/net", "train/net.small", "table/clean", "figure/fig"}


@pytest.mark.parametrize(
    "other",
    [
        {"folder": "elsewhere"}, {"files": (".npz",)}, {"places": lambda _: {"path": "/mnt"}}, {"memory_mb": 1},
        {"published": "data/RUN/models"}, {"modules": lambda *_: ["semrobust.data.content"]}, {"stage": "samples"},
    ],
    ids=lambda other: next(iter(other)),
)  # fmt: skip
def test_where_and_at_what_cost_is_no_part_of_the_key(monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]) -> None:
    assert raised(monkeypatch, **other) == set()


def test_code_is_part_of_the_key_where_there_are_no_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys()
    monkeypatch.setattr(code, "digest", lambda modules: "changed")
    after = keys()
    assert {address for address in before if before[address] != after[address]} == {"table/clean", "figure/fig"}


def test_the_order_of_inputs_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.pipeline.toys import table

    before = keys()
    monkeypatch.setattr(table, "STEP", replace(table.STEP, needs=lambda *_: [("train", "net.small"), ("train", "net")]))
    assert keys()["table/clean"] != before["table/clean"]


def test_names_hold_the_key_and_published_ones_do_not() -> None:
    plan = planned()
    net_small, table = plan["train/net.small"], plan["table/clean"]
    assert net_small.path() == Path(f"data/r/models/net.small-{net_small.key}.safetensors")
    assert net_small.record == Path(f"data/r/models/net.small-{net_small.key}.json")
    assert net_small.plain_stem is None
    assert table.plain_stem == Path("data/r/results/clean")
    data = plan["dataset/photos10"]
    assert data.paths[0] == Path(f"data/r/dataset/photos10-{data.key}/train_images.npy")


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    near = r"no 'train/nut' \(did you mean 'net'\?\)"
    with pytest.raises(UsageError, match=rf"{near}; of this kind they ask for: net, net\.small"):
        planned()["train/nut"]


def test_a_plan_comes_back_from_disk_and_is_written_only_where_it_differs() -> None:
    plan = planned()
    folder = plan.write()
    assert folder == Path("data/r/plan")
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{stage}.json" for stage in STAGES)
    again = Plan.read(folder)
    assert (again.run, again.sources, again.artifacts) == (plan.run, plan.sources, plan.artifacts)
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    planned().write()
    assert times == {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    planned(dpi=60).write()
    assert [path.name for path in times if path.stat().st_mtime_ns != times[path]] == ["figures.json"]


@pytest.mark.parametrize("text", ["", "[]", '{"artifacts": {"a": {}}}', "{}"])
def test_a_damaged_plan_is_a_clear_error(text: str) -> None:
    folder = planned().write()
    (folder / "models.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"models\.json is no plan of a run.*Start the workflow again"):
        Plan.read(folder)


def test_planning_writes_nothing(small: Path) -> None:
    planned()
    assert list(small.iterdir()) == []


def test_settings_are_plain_json() -> None:
    for artifact in planned():
        assert json.loads(json.dumps(artifact.settings)) == artifact.settings


def test_the_first_step_of_each_kind_is_said_once() -> None:
    assert all(isinstance(step, Step) and step.kind == kind for kind, step in small_project.steps().items())
