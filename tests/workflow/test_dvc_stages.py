"""A change in any section of the params leads to exactly the stages and jobs that depend on it, also in a clone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from semrobust.config.params import merge
from semrobust.pipeline.layout import Layout
from tests.conftest import raw_params
from tests.workflow.project import ROOT, Project
from tests.workflow.sections import SECTIONS, WITHOUT_RESULT, expected

REMOVED = {"systems": {"deepjscc_noiseless": None}}


def test_every_section_of_the_params_has_a_case_and_a_row_in_the_docs() -> None:
    sections = set(raw_params())
    assert set(SECTIONS) == sections
    for name, case in SECTIONS.items():
        assert set(case.change) == {name}
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", (ROOT / "docs" / "dvc.md").read_text(encoding="utf-8"), re.M)
    said = {section: set(re.findall(r"`(\w+)`", stages)) for section, stages in rows if section in sections}
    assert said == {name: case.stages for name, case in SECTIONS.items()}


@pytest.fixture(scope="module")
def elsewhere(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A clone after `dvc pull`, in which nothing has run: no metadata of Snakemake."""
    clone = finished.clone(tmp_path_factory.mktemp("elsewhere") / "clone")
    clone.run("dvc", "pull", "-q")
    return clone


@pytest.fixture
def clone(elsewhere: Project) -> Iterator[Project]:
    """That clone; its params and results are put back afterwards."""
    yield elsewhere
    elsewhere.git("checkout", "-q", ".")


def changed_stages(project: Project) -> set[str]:
    return set(json.loads(project.run("dvc", "status", "--json").stdout))


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_changes_the_stages_and_jobs_that_depend_on_it(clone: Project, section: str) -> None:
    before, case = clone.params(), SECTIONS[section]
    clone.change(case.change)
    assert changed_stages(clone) == case.stages
    assert clone.planned("all") == expected(case, before)


@pytest.mark.slow
@pytest.mark.parametrize("change", WITHOUT_RESULT, ids=lambda change: ".".join(change))
def test_params_without_an_effect_on_results_change_nothing(clone: Project, change: dict[str, Any]) -> None:
    clone.change(change)
    assert changed_stages(clone) == set()
    assert clone.planned("all") == set()


@pytest.mark.slow
def test_a_removed_system_leaves_the_tables_that_showed_it(clone: Project) -> None:
    clone.change(REMOVED)
    assert "systems" in clone.run("dvc", "params", "diff").stdout
    assert "evaluate" in changed_stages(clone)
    planned = clone.planned("all")
    assert {("table", "clean"), ("table", "power_ratio"), ("metrics", "")} <= planned
    assert not {name for rule, name in planned if "noiseless" in name}
    # what is left of it stays until somebody deletes it
    assert (clone.root / Layout("ci").model("deepjscc_noiseless")).exists()


@pytest.mark.slow
@pytest.mark.parametrize("path", ["plot.dpi", "structure"])
def test_a_removed_key_stops_both_engines_with_its_name(clone: Project, path: str) -> None:
    params = clone.params()
    *sections, key = path.split(".")
    holder = params
    for section in sections:
        holder = holder[section]
    del holder[key]
    clone.write_params(params)
    for engine in (("snakemake", "-n", "all"), ("dvc", "repro")):
        done = clone.run(*engine, ok=False)
        assert done.returncode != 0
        assert path in done.stdout + done.stderr


@pytest.mark.slow
def test_a_system_that_becomes_attacked_is_sent_over_fading_channels_too(clone: Project) -> None:
    """Only the stage `clean` makes those samples, though no model changed."""
    clone.change({"systems": {"jpeg_ldpc_16qam": {"study": None}}})
    assert ("fading", "jpeg_ldpc_16qam") in clone.planned("all")
    assert "clean" in changed_stages(clone)


@pytest.mark.slow
def test_hand_edits_are_noticed_by_both_engines(clone: Project) -> None:
    """A cell of a table, a pixel of a figure, a byte of a model."""
    layout = Layout("ci")
    table, figure = layout.table("clean"), layout.figure("extra_fading", ".png")
    model = layout.model("deepjscc_noiseless")
    assert clone.planned("all") == set()
    for path in (table, figure, model):
        file = clone.root / path
        content = bytearray(file.read_bytes())
        content[-3] ^= 1
        kept = file.stat().st_mode
        file.unlink()  # DVC may have linked it from its cache
        file.write_bytes(content)
        file.chmod(kept)
    assert changed_stages(clone) >= {"models", "evaluate", "figures"}
    planned = clone.planned("all")
    assert {("table", "clean"), ("figure", "extra_fading"), ("train", "deepjscc_noiseless")} <= planned
    assert ("train", "deepjscc") not in planned
    refused = clone.run("python", "workflow/record.py", ok=False)
    assert refused.returncode == 1
    clone.run("dvc", "checkout", "-q", "--force")


def test_stages_list_each_param_that_changes_their_jobs_or_follow_a_stage_that_does() -> None:
    """By the keys of the jobs in the shipped params: no stage is deaf to a param that its jobs read."""
    from semrobust.config.params import validate
    from tests.pipeline.test_jobs import DEPENDENTS, keys, nested
    from tests.workflow.test_dvc import stages

    makes = {
        "dataset": "dataset", "model": "models", "clean": "clean", "fading": "clean", "structure": "structures",
        "attack": "attacks", "limits": "limits", "criteria": "criteria", "noise": "recognition",
        "accuracy": "recognition", "table": "evaluate", "metrics": "evaluate", "gallery": "evaluate",
        "figure": "figures",
    }  # fmt: skip
    before = keys(validate(raw_params()))
    for path, value, _ in DEPENDENTS:
        after = keys(validate(merge(raw_params(), nested(path, value))))
        changed = {name.split()[0] for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        hearing: set[str] = set()
        for name, stage in stages().items():  # in the order of the file, sources first
            listed = any(path == given or path.startswith(f"{given}.") for given in stage["params"])
            made_before = {out for other in hearing for each in stages()[other]["outs"] for out in each}
            if listed or any(dep in made_before for dep in stage["deps"]):
                hearing.add(name)
            deaf = {kind for kind in changed if makes[kind] == name} and name not in hearing
            assert not deaf, (path, name)
