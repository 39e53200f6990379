"""Jobs: what a step's function may read, which inputs are refused, publishing, and several processes at once."""

from __future__ import annotations

import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from semrobust.errors import ArtifactError
from semrobust.pipeline import plan as plan_module
from semrobust.pipeline import record, work
from semrobust.pipeline.plan import Artifact
from semrobust.pipeline.work import Work, asked, is_made, is_published, publish, restore
from tests.pipeline import small_project
from tests.pipeline.small_project import artifact, make, planned, start

pytestmark = pytest.mark.usefixtures("small")


def table_work() -> Work:
    plan = planned()
    return Work(plan, plan["table/clean"])


# what a function may read


def test_a_setting_that_is_not_declared_cannot_be_read() -> None:
    make("dataset", "train")
    job = table_work()
    assert job.settings["samples"] == 9
    with pytest.raises(LookupError, match="table/clean reads the setting 'batch', which its step does not declare"):
        job.settings["batch"]
    with pytest.raises(LookupError, match="'seed'"):
        _ = job.seed


def test_an_input_that_is_not_declared_cannot_be_read() -> None:
    make("dataset", "train")
    job = table_work()
    assert job.input("train", "net.small").path().exists()
    assert list(job.inputs("train")) == ["net", "net.small"]
    assert job.inputs("attack") == {}
    for kind, name in (("train", "other"), ("dataset", None), ("train", None)):
        with pytest.raises(LookupError, match=f"table/clean reads {kind}/"):
            job.input(kind, name)


# inputs


def refused() -> str:
    with pytest.raises(ArtifactError) as error:
        make("table")
    assert not artifact("table").path().exists()
    return str(error.value)


def test_inputs_that_are_missing_or_altered_or_are_those_of_another_plan_are_refused() -> None:
    make("dataset", "train")
    net = artifact("train")
    before = {path: path.read_bytes() for path in net.paths}
    net.path().write_text("weights of somebody")
    assert f"{net.path()} is not the file that was written: expected SHA-256" in refused()
    net.path().unlink()
    assert f"{net.path()} is missing. Remove {net.record}, if it is there, and run the workflow again" in refused()
    net.path().write_bytes(before[net.path()])
    net.record.unlink()
    assert f"{net.record} is missing: nothing says how its files were made" in refused()
    other = artifact("train", width=8)
    make("train", width=8)
    for suffix in (".safetensors", ".json"):
        shutil.copy(other.path(suffix), net.path(suffix))
    assert f"{net.record} is the record of something else" in refused()
    net.record.write_text("{}")
    assert "is not a provenance record" in refused()
    for path, content in before.items():
        path.write_bytes(content)
    make("table")
    assert is_made(artifact("table"))


def test_inputs_that_rest_on_different_files_of_one_key_are_not_mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when one network came from another machine, whose dataset has the same key and other content."""
    make("dataset", "train")
    data = artifact("dataset")
    for path in data.paths:
        path.unlink()
    from tests.pipeline.toys import raw

    monkeypatch.setattr(raw, "IMAGES", raw.IMAGES + 1)
    for path in planned()["train/net.small"].paths:
        path.unlink()
    make("dataset", "train")
    assert f"was made from another dataset/photos10-{data.key} than the other inputs of table/clean" in refused()


# what comes out


def test_making_again_makes_nothing_and_going_back_to_old_params_finds_the_old_files() -> None:
    make()
    before = {path: path.stat().st_mtime_ns for each in planned() for path in each.paths}
    make(width=8)
    assert is_published(artifact("table", width=8))
    assert not is_published(artifact("table"))
    make()
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert is_published(artifact("table"))
    assert is_published(artifact("figure"))


def test_a_published_copy_that_is_gone_or_edited_or_of_another_key_is_put_back() -> None:
    make()
    table, csv = artifact("table"), Path("data/r/results/clean.csv")
    whole = csv.read_bytes()
    assert is_published(table)
    assert csv.with_suffix(".json").read_bytes() == table.record.read_bytes()
    for spoil in (csv.unlink, csv.with_suffix(".json").unlink, lambda: csv.write_text("edited")):
        spoil()
        assert not is_published(table)
        publish(table)
        assert (is_published(table), csv.read_bytes()) == (True, whole)
    assert not is_published(artifact("table", samples=10))
    csv.with_suffix(".json").write_text('{"job": {}, "outputs": {}}')  # of an earlier release
    assert not is_published(table)
    make("table")
    assert is_published(table)
    assert is_published(artifact("train")), "nothing of it is published"


def test_a_published_copy_stands_in_for_what_is_not_here_if_it_is_the_same() -> None:
    make()
    table = artifact("table")
    before = {path: path.read_bytes() for path in table.paths}
    assert not restore(table), "it is here"
    for path in before:
        path.unlink()
    assert restore(table)
    assert {path: path.read_bytes() for path in table.paths} == before
    assert not restore(artifact("table", samples=10)), "the copy is of other params"
    assert not restore(artifact("train")), "nothing of it is published"
    for path in before:
        path.unlink()
    Path("data/r/results/clean.csv").write_text("edited")
    assert not restore(table)
    assert not is_made(table)


def test_a_network_that_is_gone_is_asked_for_only_while_something_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """`net.small` starts from `net`, and the table reads `net.small` alone."""
    toys = small_project.steps()
    needs = {"net": [("dataset", "photos10")], "net.small": [("train", "net")]}
    toys["train"] = replace(toys["train"], needs=lambda _, name: needs[name])
    toys["table"] = replace(toys["table"], needs=lambda *_: [("train", "net.small")])
    monkeypatch.setattr(plan_module, "steps", lambda: toys)
    plan = planned()

    def missing() -> list[str]:
        return [each.address for each in asked(plan) if each.kind == "train" and not is_made(each)]

    assert missing() == ["train/net", "train/net.small"]
    for address in ("train/net", "train/net.small"):
        for path in plan[address].paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("is here")
    assert missing() == []
    for path in plan["train/net"].paths:
        path.unlink()
    assert missing() == []
    plan["train/net.small"].path().unlink()
    assert missing() == ["train/net", "train/net.small"]


def test_the_same_making_writes_the_same_bytes_in_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make()
    first = {path: path.read_bytes() for each in planned() for path in each.paths}
    (tmp_path / "again").mkdir()
    monkeypatch.chdir(tmp_path / "again")
    make()
    assert first == {path: path.read_bytes() for path in first}


def test_an_input_with_other_content_gives_another_id_and_another_scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    make("dataset", "train")
    first = table_work()
    for path in artifact("train").paths:
        path.unlink()
    monkeypatch.setenv("TOY_CONTENT", "of another machine")
    make("train")
    second = table_work()
    assert first.id != second.id
    assert first.scratch != second.scratch
    assert first.artifact.key == second.artifact.key


def test_a_function_that_fails_leaves_neither_artifact_nor_record(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.pipeline.toys import net

    def fail(job: Work) -> None:
        with job.output() as path:
            path.write_text("half")
            raise RuntimeError("a bug")

    make("dataset")
    monkeypatch.setattr(net, "STEP", replace(net.STEP, make=fail))
    monkeypatch.setattr("tests.pipeline.toys.net.make", fail)
    plan = planned()
    broken = replace(plan["train/net"], module="tests.pipeline.toys.net")
    plan.artifacts["train/net"] = broken
    with pytest.raises(RuntimeError, match="a bug"):
        work.make(plan, "train/net")
    assert list(Path("data/r/models").iterdir()) == []


# several processes


def makers(address: str) -> list[str]:
    lines = Path("made.log").read_text().split("\n")
    return [line for line in lines if line.startswith(f"{address} ")]


def test_of_two_processes_one_makes_and_the_other_waits_and_finds_it_made() -> None:
    make("dataset")
    processes = [start("train", TOY_SECONDS="1") for _ in range(2)]
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert len(makers("train/net")) == len(makers("train/net.small")) == 1
    assert sum("is making train/net; waiting for its end" in text for text in said) <= 1
    assert record.read(artifact("train").record)["job"]["name"] == "net"


def wait_for(net: Artifact) -> None:
    for _ in range(600):
        if list(net.path().parent.glob(f".{net.stem.name}*")):
            return
        time.sleep(0.1)
    raise AssertionError("nothing was begun")


def test_a_killed_job_leaves_no_half_written_artifact_and_the_next_one_makes_it() -> None:
    make("dataset")
    net = artifact("train")
    with start("train", TOY_SECONDS="60") as process:
        wait_for(net)
        process.send_signal(signal.SIGKILL)
    assert not any(path.exists() for path in net.paths)
    assert not is_made(net)
    make("train")
    assert is_made(net)
    assert [path.name for path in net.path().parent.iterdir() if path.name.startswith(".")] == []


def test_a_killed_job_without_its_record_is_not_made() -> None:
    make("dataset", "train")
    net = artifact("train")
    net.record.unlink()
    assert not is_made(net)
    make("train")
    assert is_made(net)


def test_locks_of_datasets_are_shared_by_all_runs() -> None:
    first, second = (work.lock_path(artifact("dataset", run=run)) for run in ("a", "b"))
    assert first == second == Path("data/raw/dataset.lock")
    assert work.lock_path(artifact("train")) == Path("data/r/scratch/locks/train-net.lock")


def test_what_reads_an_artifact_outside_a_job_is_told_how_to_make_it() -> None:
    plan = planned()
    with pytest.raises(ArtifactError, match=r"net-.*safetensors is missing: run `snakemake --cores 2 data/r/models/"):
        work.finished(plan, "train/net")
    make("dataset", "train")
    assert work.finished(plan, "train/net").settings["width"] == 4
    small_project.artifact("train").path().write_text("x")
    with pytest.raises(ArtifactError, match="not the file that was written"):
        work.finished(plan, "train/net")
