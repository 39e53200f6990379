"""Records: what they hold, when they contradict themselves, and what they say of git."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semrobust.errors import ArtifactError
from semrobust.pipeline import code, files
from semrobust.pipeline import record as provenance
from tests.pipeline.small_project import artifact, make
from tests.pipeline.toys.raw import DATASET

pytestmark = pytest.mark.usefixtures("small")


def made(kind: str) -> dict[str, Any]:
    return provenance.read(artifact(kind).record)


def test_a_record_says_all_about_its_artifact() -> None:
    make()
    net, data = artifact("train"), artifact("dataset")
    record = made("train")
    assert record["format"] == provenance.FORMAT
    assert record["job"] == {"kind": "train", "name": "net", "key": net.key}
    assert (record["settings"], record["recipe"]) == ({"width": 4, "seed": 5}, {"train": 1})
    assert (record["code"], record["modules"]) == (code.digest(net.modules), list(net.modules))
    full = f"dataset/photos10-{data.key}"
    assert record["needs"] == [full]
    assert record["inputs"] == {full: made("dataset")["outputs"]}
    assert record["inputs"][full]["/test_images.npy"] == files.sha256(data.path("/test_images.npy"))
    assert record["outputs"] == {".safetensors": files.sha256(net.path())}
    assert record["command"] == ["semrobust", "train", "net"]
    assert record["details"] == {"history": [1.0]}
    assert record["seed"] == 5
    assert record["python"].split(".")[:2] == [str(part) for part in sys.version_info[:2]]
    assert {"torch", "numpy", "semrobust"} <= set(record["packages"])
    assert record["git"] == {"commit": None, "dirty": None}


def test_the_lineage_and_the_dataset_reach_the_figure() -> None:
    make()
    kinds = [address.partition("/")[0] for address in made("figure")["lineage"]]
    assert kinds == ["dataset", "train", "train"]
    assert {json.dumps(made(kind)["dataset"]) for kind in ("dataset", "train", "table", "figure")} == {
        json.dumps(DATASET)
    }
    assert made("table")["seed"] is None


def test_needs_are_in_the_order_of_the_key_and_inputs_are_sorted() -> None:
    make()
    record = made("table")
    assert [full.rpartition("-")[0] for full in record["needs"]] == ["train/net", "train/net.small"]
    assert list(record["inputs"]) == sorted(record["needs"])


def test_an_honest_record_does_not_contradict_itself() -> None:
    make()
    assert [provenance.contradiction(made(kind)) for kind in ("dataset", "train", "table", "figure")] == [None] * 4


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda r: r["settings"].update(samples=10), "its key does not follow"),
        (lambda r: r["recipe"].update(code="0"), "its key does not follow"),
        (lambda r: r["needs"].reverse(), "its key does not follow"),
        (lambda r: r["job"].update(name="other"), "its key does not follow"),
        (lambda r: r["inputs"].clear(), "its id does not follow"),
        (lambda r: next(iter(r["inputs"].values())).update({".safetensors": "0"}), "its id does not follow"),
        (lambda r: r.update(id="0" * 16), "its id does not follow"),
    ],
)
def test_what_does_not_follow_is_found_also_under_a_new_digest(change: Callable[[Any], Any], found: str) -> None:
    make()
    record = made("table")
    change(record)
    assert found in str(provenance.contradiction(provenance.sealed(record)))


def test_any_other_edit_is_found_by_the_digest() -> None:
    make("dataset", "train")
    record = made("train")
    for key in ("command", "git", "code", "lineage", "dataset", "details"):
        edited = record | {key: "edited"}
        assert provenance.contradiction(edited) == "its digest does not follow from its fields", key
    del record["digest"]
    assert provenance.contradiction(record) == "its digest is missing: it was removed"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", "{}", '{"format": 2}', '{"job": 1, "format": 2}'])
def test_a_damaged_record_is_refused(text: str) -> None:
    path = Path("a.json")
    path.write_text(text)
    with pytest.raises(ArtifactError, match=r"a\.json is not a provenance record"):
        provenance.read(path)


def test_a_record_that_is_no_text_or_is_not_there_is_refused() -> None:
    path = Path("a.json")
    with pytest.raises(ArtifactError, match="is missing: nothing says how its files were made"):
        provenance.read(path)
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(ArtifactError, match="is not a provenance record"):
        provenance.read(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["outputs"].update({".safetensors": 3}),
        lambda r: r["job"].update(key=None),
        lambda r: r["lineage"].update(a={"b": None}),
        lambda r: r.update(settings=[]),
    ],
)
def test_a_hash_or_a_name_of_another_type_is_refused(change: Callable[[Any], Any]) -> None:
    make("dataset", "train")
    record = made("train")
    change(record)
    with pytest.raises(TypeError, match="is of another type"):
        provenance.checked(record)


def test_a_record_of_the_first_edition_is_told_from_a_damaged_one() -> None:
    path = Path("a.json")
    path.write_text('{"id": "0", "job": {"kind": "table"}, "outputs": {"data/r/results/a.csv": "0"}}')
    with pytest.raises(provenance.EarlierRelease, match="of an earlier release"):
        provenance.read(path)


def test_the_first_difference_of_two_sections_is_named_with_both_values() -> None:
    old, new = {"a": 1, "b": {"c": [1], "d": None}}, {"a": 1, "b": {"c": [2], "d": 0}}
    assert provenance.difference(old, new) == "b.c (was [1], now [2])"
    assert provenance.difference(old, old) == ""
    assert provenance.difference({"a": 1}, {}) == "a (was 1, now None)"


# git

Git = Callable[..., str]


@pytest.fixture
def git(small: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """A checkout with one commit, of which the code is; the function runs git in it."""
    monkeypatch.setattr(provenance, "_SOURCE", small / "src")

    def run(*arguments: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *identity, *arguments], cwd=small, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    run("init", "-q")
    for name in ("src/a.py", "params/demo.yaml", "params.yaml", "docs/a.md", "data/a.csv", "workflow/rules/a.smk"):
        files.write_text(Path(name), "one\n")
    run("add", "-A")
    run("commit", "-qm", "first")
    return run


def test_outside_of_git_nothing_is_claimed() -> None:
    assert provenance.git_state() == {"commit": None, "dirty": None}


def test_without_git_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch, small: Path) -> None:
    monkeypatch.setenv("PATH", str(small))
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


def test_code_that_git_ignores_is_no_code_of_the_commit(git: Git) -> None:
    files.write_text(Path(".gitignore"), "src/own.py\n*.pyc\n")
    files.write_text(Path("src/__pycache__/a.pyc"), "")
    assert not provenance.git_state()["dirty"]
    files.write_text(Path("src/own.py"), "one\n")
    assert provenance.git_state()["dirty"]


def test_a_repository_around_the_project_does_not_speak_for_it(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for an archive unpacked where git ignores it, its params added or not, nor for a package elsewhere."""
    files.write_text(Path(".gitignore"), "unpacked/\n")
    for name in ("src/a.py", "params.yaml"):
        files.write_text(Path("unpacked", name), "one\n")
    git("add", "-f", ".gitignore", "unpacked/params.yaml")
    git("commit", "-qm", "second")
    assert provenance.git_state()["commit"]
    monkeypatch.setattr(provenance, "_SOURCE", Path("unpacked/src").resolve())
    assert provenance.git_state() == {"commit": None, "dirty": None}
    monkeypatch.chdir("unpacked")
    assert provenance.git_state() == {"commit": None, "dirty": None}
