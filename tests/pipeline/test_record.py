"""Records: what they hold, when an artifact is trusted, and when it is stale."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from semrobust.errors import ArtifactError
from semrobust.pipeline import files, jobs
from semrobust.pipeline import record as provenance
from semrobust.pipeline.jobs import Job
from semrobust.pipeline.layout import record_path
from semrobust.pipeline.record import Making

COMMAND = ["semrobust", "train", "net"]
DATASET = {"source": "photos10", "digest": "00ff"}

RAW = Job("dataset", "photos10", {"images": 3, "seed": 5}, ("semrobust.pipeline.seeds",))
NET = Job("model", "net", {"system": {"kind": "deepjscc", "width": 4}, "seed": 5}, ("semrobust.pipeline.seeds",))
TABLE = Job("table", "clean", {"samples": 9, "seed": 5}, ("semrobust.config.lazy", "semrobust.pipeline.seeds"))
FIGURE = Job("figure", "fig", {"dpi": 50}, ("semrobust.pipeline.seeds",))

RAW_FILE = Path("data/r/dataset/dataset.json")
NET_FILE = Path("data/r/models/net.safetensors")
TABLE_FILE = Path("data/r/results/clean.csv")
FIGURE_FILE = Path("figures/r/fig.pdf")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project root outside of any git checkout; the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


def make_raw(content: str = "pixels", job: Job = RAW) -> None:
    making = Making(job, ["semrobust", "data"])
    array = RAW_FILE.parent / "train_images.npy"
    files.write_text(array, content)
    making.finish(RAW_FILE, [array], {"dataset": DATASET})


def make_net(content: str = "weights", job: Job = NET) -> Making:
    making = Making(job, COMMAND)
    making.uses(RAW_FILE, RAW)
    files.write_text(NET_FILE, content)
    making.finish(NET_FILE, [NET_FILE], {"history": [1, 2]})
    return making


def make_table() -> None:
    making = Making(TABLE, ["semrobust", "evaluate", "table", "clean"])
    making.uses(NET_FILE, NET)
    files.write_text(TABLE_FILE, "psnr\n30\n")
    making.finish(TABLE_FILE, [TABLE_FILE])


def make_figure() -> None:
    making = Making(FIGURE, ["semrobust", "figure", "fig"])
    making.uses(TABLE_FILE, TABLE)
    for suffix in (".pdf", ".png"):
        files.write_text(FIGURE_FILE.with_suffix(suffix), f"drawn {suffix}")
    making.finish(FIGURE_FILE, [FIGURE_FILE, FIGURE_FILE.with_suffix(".png")])


def make_all() -> None:
    make_raw()
    make_net()
    make_table()
    make_figure()


def other(job: Job, **settings: Any) -> Job:
    return replace(job, settings=job.settings | settings)


# what a record holds


def test_a_record_says_all_about_its_artifact() -> None:
    make_raw()
    making = make_net()
    record = json.loads(record_path(NET_FILE).read_text())
    array = "data/r/dataset/train_images.npy"
    assert record["id"] == making.id
    assert record["job"] == {"kind": "model", "name": "net", "key": NET.key}
    assert (record["settings"], record["code"], record["modules"]) == (NET.settings, NET.code, list(NET.modules))
    assert record["inputs"] == {array: files.sha256(Path(array))}
    assert record["outputs"] == {NET_FILE.as_posix(): files.sha256(NET_FILE)}
    assert record["command"] == COMMAND
    assert record["details"] == {"history": [1, 2]}
    assert record["seed"] == 5
    assert record["python"].split(".")[:2] == [str(part) for part in sys.version_info[:2]]
    assert {"torch", "numpy", "semrobust"} <= set(record["packages"])
    assert record["git"] == {"commit": None, "dirty": None}
    assert provenance.read(NET_FILE) == record
    assert provenance.trust(NET_FILE, NET) == record


def test_the_dataset_is_named_down_to_the_figure() -> None:
    make_all()
    for artifact in (RAW_FILE, NET_FILE, TABLE_FILE, FIGURE_FILE):
        assert provenance.read(artifact)["dataset"] == DATASET
    assert provenance.read(FIGURE_FILE)["seed"] == 5  # a figure has none of its own


def test_lineage_reaches_the_raw_data() -> None:
    make_all()
    array = Path("data/r/dataset/train_images.npy")
    hashes = {path.as_posix(): files.sha256(path) for path in (array, NET_FILE, TABLE_FILE)}
    expected: dict[Path, tuple[set[str], set[str]]] = {
        RAW_FILE: (set(), set()),
        NET_FILE: ({array.as_posix()}, set()),
        TABLE_FILE: ({NET_FILE.as_posix()}, {array.as_posix()}),
        FIGURE_FILE: ({TABLE_FILE.as_posix()}, {array.as_posix(), NET_FILE.as_posix()}),
    }
    for artifact, (inputs, lineage) in expected.items():
        record = provenance.read(artifact)
        assert record["inputs"] == {name: hashes[name] for name in inputs}
        assert record["lineage"] == {name: hashes[name] for name in lineage}


def test_several_outputs_share_a_record() -> None:
    make_all()
    assert list(provenance.read(FIGURE_FILE)["outputs"]) == ["figures/r/fig.pdf", "figures/r/fig.png"]
    FIGURE_FILE.with_suffix(".png").write_text("altered")
    with pytest.raises(ArtifactError, match=r"fig\.png is not the file that was written"):
        provenance.trust(FIGURE_FILE, FIGURE)


# the id


def test_the_id_depends_on_inputs_settings_code_and_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = {"a": "1", "b": "2"}
    base = provenance.identity(NET, inputs)
    assert len(base) == 16
    assert int(base, 16) >= 0
    assert provenance.identity(NET, {"b": "2", "a": "1"}) == base
    different = [
        provenance.identity(NET, {"a": "1", "b": "3"}),
        provenance.identity(NET, {"a": "1"}),
        provenance.identity(other(NET, seed=6), inputs),
        provenance.identity(replace(NET, name="second"), inputs),
        provenance.identity(replace(NET, kind="clean"), inputs),
        provenance.identity(
            replace(NET, modules=("semrobust.config.lazy", "semrobust.pipeline.seeds", "semrobust.cli")), inputs
        ),
    ]
    monkeypatch.setattr(jobs, "code_digest", lambda modules: "changed")
    different.append(provenance.identity(NET, inputs))
    assert len({base, *different}) == 1 + len(different)


def test_the_id_does_not_depend_on_git_command_or_content_written(monkeypatch: pytest.MonkeyPatch) -> None:
    make_raw()
    first = make_net().id
    monkeypatch.setattr(provenance, "git_state", lambda: {"commit": "abc", "dirty": True})
    making = Making(NET, ["by", "hand"])
    making.uses(RAW_FILE, RAW)
    files.write_text(NET_FILE, "other weights")
    making.finish(NET_FILE, [NET_FILE], {"history": "none"})
    record = provenance.read(NET_FILE)
    assert record["git"]["commit"] == "abc"
    assert record["id"] == first


def test_finishing_removes_what_killed_makings_left_of_the_same_artifact() -> None:
    make_raw()
    folder = NET_FILE.parent
    folder.mkdir()
    for name in (".net-abcd1234.safetensors", ".net-abcd1234.json", ".other-abcd1234.safetensors", "net-abcd1234.json"):
        (folder / name).write_text("half")
    make_net()
    left = sorted(path.name for path in folder.iterdir())
    assert left == [".other-abcd1234.safetensors", "net-abcd1234.json", "net.json", "net.safetensors"]


def test_the_same_making_writes_the_same_record() -> None:
    make_all()
    before = record_path(FIGURE_FILE).read_bytes()
    make_all()
    assert record_path(FIGURE_FILE).read_bytes() == before


# trust


def test_an_altered_byte_is_found() -> None:
    make_raw()
    make_net()
    expected = files.sha256(NET_FILE)
    NET_FILE.write_text("weighty")
    with pytest.raises(ArtifactError) as caught:
        provenance.trust(NET_FILE, NET)
    message = str(caught.value)
    assert "data/r/models/net.safetensors is not the file that was written" in message
    assert f"expected SHA-256 {expected}, found {files.sha256(NET_FILE)}" in message
    assert f"snakemake --cores 2 --forcerun {NET_FILE} -- {NET_FILE}" in message
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("job", "difference"),
    [
        (other(NET, seed=6), "seed (was 5, now 6) differs"),
        (other(NET, system={"kind": "deepjscc", "width": 8}), "system.width (was 4, now 8) differs"),
        (other(NET, threads=2), "threads (was None, now 2) differs"),
        (replace(NET, modules=("semrobust.config.lazy",)), "its code differs"),
    ],
)
def test_other_params_or_code_are_refused_by_key(job: Job, difference: str) -> None:
    make_raw()
    make_net()
    with pytest.raises(ArtifactError) as caught:
        provenance.trust(NET_FILE, job)
    assert difference in str(caught.value)
    assert f"snakemake --cores 2 --forcerun {NET_FILE}" in str(caught.value)


def test_an_input_is_checked_before_it_is_used() -> None:
    make_raw()
    make_net()
    making = Making(TABLE, [])
    NET_FILE.write_text("changed")
    with pytest.raises(ArtifactError, match="not the file that was written"):
        making.uses(NET_FILE, NET)
    assert making.inputs == {}
    with pytest.raises(ArtifactError, match="other params"):
        making.uses(RAW_FILE, other(RAW, images=4))


def test_a_removed_artifact_names_the_way_back() -> None:
    make_raw()
    make_net()
    NET_FILE.unlink()
    with pytest.raises(ArtifactError, match=r"Rebuild it.*snakemake"):
        provenance.trust(NET_FILE, NET)


def test_a_missing_record_is_named() -> None:
    with pytest.raises(
        ArtifactError, match=r"net\.json is missing: nothing says how .* was made.*Rebuild it.*snakemake"
    ):
        provenance.trust(NET_FILE, NET)


BROKEN = ["", "{", "[]", "3", '{"id": "a"}', '{"id": "a", "job": {}, "outputs": {}, "inputs": {}}', "\x00"]


@pytest.mark.parametrize("text", BROKEN)
def test_a_corrupted_record_is_refused(text: str) -> None:
    make_raw()
    make_net()
    record_path(NET_FILE).write_text(text)
    with pytest.raises(ArtifactError, match=r"net\.json is not a provenance record.*Rebuild it"):
        provenance.trust(NET_FILE, NET)


def test_a_record_that_is_no_text_is_refused() -> None:
    make_raw()
    make_net()
    record_path(NET_FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ArtifactError, match="is not a provenance record"):
        provenance.read(NET_FILE)


def test_inputs_made_from_different_data_are_not_mixed() -> None:
    make_raw()
    make_net()
    make_raw("other pixels")
    making = Making(TABLE, [])
    making.uses(RAW_FILE, RAW)
    with pytest.raises(ArtifactError, match=r"train_images\.npy"):
        making.uses(NET_FILE, NET)  # trained on pixels that are no longer there


# staleness


def test_what_is_fresh_or_not_there_is_not_stale() -> None:
    assert provenance.staleness(NET_FILE, NET) is None
    make_all()
    for artifact, job in ((RAW_FILE, RAW), (NET_FILE, NET), (TABLE_FILE, TABLE), (FIGURE_FILE, FIGURE)):
        assert provenance.staleness(artifact, job) is None


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (other(NET, seed=6), "seed (was 5, now 6)"),
        (replace(NET, modules=("semrobust.config.lazy",)), "its code changed"),
    ],
)
def test_changed_settings_or_code_are_a_reason(job: Job, reason: str) -> None:
    make_all()
    assert provenance.staleness(NET_FILE, job) == reason


def test_an_input_made_again_with_other_content_is_a_reason() -> None:
    make_all()
    make_net("other weights")
    assert provenance.staleness(TABLE_FILE, TABLE) == f"its input {NET_FILE} changed"
    assert provenance.staleness(FIGURE_FILE, FIGURE) is None  # the table will be made again first


def test_an_input_made_again_alike_is_none() -> None:
    make_all()
    make_net()
    assert provenance.staleness(TABLE_FILE, TABLE) is None


def test_a_dataset_made_again_with_other_content_is_a_reason() -> None:
    make_all()
    make_raw("other pixels")
    reason = provenance.staleness(NET_FILE, NET)
    assert reason is not None
    assert "train_images.npy" in reason


def test_a_missing_or_corrupted_record_is_a_reason() -> None:
    make_all()
    record_path(NET_FILE).write_text("{")
    assert "is not a provenance record" in str(provenance.staleness(NET_FILE, NET))
    record_path(NET_FILE).unlink()
    assert "is missing" in str(provenance.staleness(NET_FILE, NET))


def test_a_corrupted_record_of_an_input_is_a_reason() -> None:
    make_all()
    record_path(NET_FILE).write_text("{")
    assert provenance.staleness(TABLE_FILE, TABLE) is not None


def test_staleness_writes_nothing(project: Path) -> None:
    make_all()
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    provenance.staleness(NET_FILE, other(NET, seed=9))
    provenance.staleness(TABLE_FILE, TABLE)
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


def test_files_from_elsewhere_get_one_time_but_for_altered_ones(project: Path) -> None:
    make_all()
    paths = sorted(path for path in project.rglob("*") if path.is_file())
    for second, path in enumerate(paths):
        os.utime(path, (second, second))
    TABLE_FILE.write_text("altered")
    altered = TABLE_FILE.stat().st_mtime_ns
    provenance.settle_times(project)
    times = {path.stat().st_mtime_ns for path in paths if path.stem != TABLE_FILE.stem}
    assert len(times) == 1
    assert min(times) >= altered
    assert TABLE_FILE.stat().st_mtime_ns == altered
    assert "is not the file that was written" in str(provenance.staleness(TABLE_FILE, TABLE))
    assert provenance.staleness(NET_FILE, NET) is None


# git

Git = Callable[..., str]


@pytest.fixture
def git(project: Path) -> Git:
    """A checkout with one commit; the function runs git in it."""

    def run(*arguments: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *identity, *arguments], cwd=project, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    run("init", "-q")
    for name in ("src/a.py", "params/demo.yaml", "params.yaml", "docs/a.md", "data/a.csv", "workflow/rules/a.smk"):
        files.write_text(Path(name), "one\n")
    run("add", "-A")
    run("commit", "-qm", "first")
    return run


def test_outside_of_git_nothing_is_claimed() -> None:
    assert provenance.git_state() == {"commit": None, "dirty": None}


def test_without_git_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    monkeypatch.setenv("PATH", str(project))
    assert provenance.git_state() == {"commit": None, "dirty": None}


def test_a_clean_checkout_names_its_commit(git: Git) -> None:
    assert provenance.git_state() == {"commit": git("rev-parse", "HEAD"), "dirty": False}


@pytest.mark.parametrize(
    ("path", "dirty"),
    [
        ("src/a.py", True),
        ("src/new.py", True),
        ("params.yaml", True),
        ("params/demo.yaml", True),
        ("workflow/rules/a.smk", True),
        ("Snakefile", True),
        ("docs/a.md", False),
        ("data/a.csv", False),
        ("notes.txt", False),
    ],
)
def test_only_changes_of_code_and_params_make_it_dirty(git: Git, path: str, dirty: bool) -> None:
    files.write_text(Path(path), "two\n")
    assert provenance.git_state() == {"commit": git("rev-parse", "HEAD"), "dirty": dirty}
