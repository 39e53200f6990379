"""Every way to change an artifact or its record, and what the audit says of it and of all that was made from it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from semrobust.errors import UsageError
from semrobust.pipeline import embedded, files, jobs
from semrobust.pipeline import lineage as chain
from semrobust.pipeline import record as provenance
from semrobust.pipeline.audit import Audit, Finding
from semrobust.pipeline.layout import record_path
from tests.pipeline import small_project
from tests.pipeline.small_project import ARRAYS, DATASET, NET, NET_FILE, PDF, PNG, RAW_FILE, TABLE, TABLE_FILE, audit

ARTIFACTS = (RAW_FILE, NET_FILE, TABLE_FILE, PDF)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The finished small project; the working directory."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    small_project.make_all()
    return root


def statuses(**options: bool) -> list[str]:
    """What is found of data, network, table and figure."""
    checker = audit(**options)
    return [checker.file(path).status.value for path in ARTIFACTS]


def texts(finding: Finding) -> str:
    return "; ".join(text for _, text in finding.problems)


def edit(artifact: Path, change: Callable[[dict[str, Any]], Any], seal: bool = False) -> None:
    """Edit a record by hand, or with `seal` so that its own digest holds again."""
    path = record_path(artifact)
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(provenance.sealed(record) if seal else record))


def flip(path: Path, place: int = -40) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_finished_project_is_ok_and_nothing_is_written(project: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    checker = audit(complete=True)
    found = checker.everything()
    assert [finding.path for finding in found] == [RAW_FILE, NET_FILE, TABLE_FILE, PDF]
    assert {finding.status.value for finding in found} == {"ok"}
    assert not any(finding.notes for finding in found)
    assert checker.findings[record_path(PDF)].made_from == {record_path(TABLE_FILE)}
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


TAMPERED: dict[str, tuple[Callable[[], Any], Path, str]] = {
    "an array": (lambda: ARRAYS[0].write_text("other"), RAW_FILE, "train_images.npy is not the file that was written"),
    "a checkpoint": (lambda: NET_FILE.write_text("weighty"), NET_FILE, "not the file that was written"),
    "a cell": (lambda: TABLE_FILE.write_text("psnr\n31\n"), TABLE_FILE, "clean.csv is not the file that was written"),
    "a pixel": (lambda: flip(PNG, 200), PDF, "not the picture that was drawn"),
    "the PDF's text": (lambda: flip(PDF, 300), PDF, "not the picture that was drawn"),
    "a hash": (lambda: edit(TABLE_FILE, lambda r: r["inputs"].update({str(NET_FILE): "0" * 64})), TABLE_FILE, "its id"),
    "a setting": (lambda: edit(NET_FILE, lambda r: r["settings"].update(seed=6)), NET_FILE, "its key does not follow"),
    "the code": (lambda: edit(NET_FILE, lambda r: r.update(code="0")), NET_FILE, "its key does not follow"),
    "the command": (lambda: edit(NET_FILE, lambda r: r.update(command=["by", "hand"])), NET_FILE, "its digest"),
    "the commit": (lambda: edit(NET_FILE, lambda r: r["git"].update(commit="0")), NET_FILE, "its digest does not"),
    "the lineage": (lambda: edit(PDF, lambda r: r["lineage"].clear()), PDF, "its digest does not"),
    "no digest": (lambda: edit(NET_FILE, lambda r: r.pop("digest")), NET_FILE, "its digest is missing"),
    "no JSON": (lambda: record_path(TABLE_FILE).write_text("{"), TABLE_FILE, "its record is damaged"),
    "no inputs": (lambda: edit(TABLE_FILE, lambda r: r.pop("inputs")), TABLE_FILE, "its record is damaged"),
    "the raw data": (lambda: edit(RAW_FILE, lambda r: r["dataset"].update(digest="1"), seal=True), RAW_FILE, "digest"),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_changed_is_tampered_and_what_was_made_from_it_stale(name: str) -> None:
    change, artifact, message = TAMPERED[name]
    change()
    place = ARTIFACTS.index(artifact)
    found = statuses()
    assert found[: place + 1] == ["ok"] * place + ["tampered"]
    # of the raw data's digest every record has a copy
    assert set(found[place + 1 :]) <= ({"stale", "tampered"} if name == "the raw data" else {"stale"})
    assert message in texts(audit().file(artifact))


def test_a_file_changed_with_its_record_contradicts_what_was_made_from_it() -> None:
    """Whoever edits a cell, and the record beside it with all its digests, must edit the figure too."""
    TABLE_FILE.write_text("psnr\n31\n")
    edit(TABLE_FILE, lambda record: record["outputs"].update({str(TABLE_FILE): files.sha256(TABLE_FILE)}), seal=True)
    checker = audit()
    assert checker.file(TABLE_FILE).status == "ok"
    assert checker.file(PDF).status == "stale"
    assert texts(checker.file(PDF)) == f"its input {TABLE_FILE} changed"


def test_another_intact_figure_under_this_name_is_seen() -> None:
    small_project.make_figure(PDF.with_stem("other"), height=2.0)
    for suffix in (".pdf", ".png", ".json"):
        shutil.copy(PDF.with_name(f"other{suffix}"), PDF.with_suffix(suffix))
    finding = audit().file(PDF)
    assert finding.status == "tampered"
    assert "its record is that of figures/r/other.pdf" in texts(finding)
    edit(PDF, lambda r: r.update(outputs={str(p): files.sha256(p) for p in (PDF, PNG)}), seal=True)
    edit(PDF, lambda record: record["job"].update(name="fig"))
    assert audit().file(PDF).status == "tampered"


def test_the_record_inside_a_figure_must_be_that_beside_it() -> None:
    content = PNG.read_bytes()
    inside = embedded.extract(content)
    assert inside
    PNG.write_bytes(embedded.embed(embedded._remove(content), inside.record | {"seed": 6}))
    edit(PDF, lambda record: record["outputs"].update({str(PNG): files.sha256(PNG)}), seal=True)
    assert texts(audit().file(PDF)) == "the record in fig.png contradicts the one beside it"


# stale


def test_params_name_the_key_and_what_is_behind_follows() -> None:
    checker = audit()
    checker.plan[record_path(NET_FILE)] = replace(NET, settings={"system": {"kind": "deepjscc", "width": 8}, "seed": 5})
    assert [checker.file(path).status.value for path in ARTIFACTS] == ["ok", "stale", "stale", "stale"]
    assert texts(checker.file(NET_FILE)) == "system.width (was 4, now 8)"
    assert texts(checker.file(PDF)) == f"made from {TABLE_FILE}, which is stale"


def test_changed_code_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "code_digest", lambda modules: "changed")
    finding = audit().file(TABLE_FILE)
    assert finding.status == "stale"
    assert texts(finding).startswith("its code changed")


def test_an_input_made_again_is_stale_and_so_is_what_came_of_another_grandparent() -> None:
    small_project.make_net("other weights")
    assert statuses() == ["ok", "ok", "stale", "stale"]
    assert texts(audit().file(TABLE_FILE)) == f"its input {NET_FILE} changed"
    small_project.make_all()
    small_project.make_net("other weights")
    small_project.make_table()  # the same table from another network
    assert statuses() == ["ok", "ok", "ok", "stale"]
    assert f"{NET_FILE}, behind it, changed" in texts(audit().file(PDF))
    NET_FILE.unlink()  # the records alone say it too
    assert f"made again since, from another {NET_FILE}" in texts(audit().file(PDF))


def test_what_the_params_do_not_ask_for_is_stale() -> None:
    small_project.make_figure(PDF.with_stem("old"))
    checker = audit()
    assert texts(checker.file(PDF.with_stem("old"))) == "the params ask for nothing of this name"
    checker.run, checker.plan = "another", {}
    finding = checker.file(PDF)
    assert finding.status == "ok"
    assert "not of the run another: settings and code are not compared" in finding.notes


# what is not here


def test_a_clone_without_the_large_files_is_ok_with_a_note() -> None:
    shutil.rmtree("data/r/dataset")
    shutil.rmtree("data/r/models")
    checker = audit()
    assert [finding.path for finding in checker.everything()] == [TABLE_FILE, PDF]
    assert {finding.status.value for finding in checker.everything()} == {"ok"}
    assert checker.file(PDF).notes == ["not here: 7 inputs up the chain, known by name and hash only"]
    assert {finding.status.value for finding in audit(complete=True).everything()} == {"unknown"}
    assert len(audit(complete=True).everything()) == 4


def test_a_deleted_producer_is_named() -> None:
    NET_FILE.unlink()
    assert statuses() == ["ok", "unknown", "ok", "ok"]
    assert texts(audit().file(record_path(NET_FILE))) == "net.safetensors is not here, but its record is"
    assert statuses(complete=True) == ["ok", "unknown", "unknown", "unknown"]


def test_without_a_record_nothing_is_known() -> None:
    record_path(TABLE_FILE).unlink()
    Path("data/r/results/extra.csv").write_text("smuggled")
    Path("data/r/models/net.npz").write_text("beside the record of something else")
    found = {finding.path: texts(finding) for finding in audit().everything() if finding.status != "ok"}
    names = (str(TABLE_FILE), "data/r/results/extra.csv", "data/r/models/net.npz")
    assert found == dict.fromkeys(map(Path, names), "no record says how it was made")
    with pytest.raises(UsageError, match=r"no file data/r/none\.csv"):
        audit().file(Path("data/r/none.csv"))


def test_logs_scratch_and_other_json_are_passed_over() -> None:
    for name in (
        "scratch/state.npy",
        "logs/a.csv",
        "results/.hidden.csv",
        "results/metrics.json",
        "results/report.html",
    ):
        files.write_text(Path("data/r") / name, "{}")
    assert len(audit().everything()) == 4


def test_records_that_name_each_other_end() -> None:
    edit(NET_FILE, lambda record: record["inputs"].update({str(TABLE_FILE): files.sha256(TABLE_FILE)}))
    record = provenance.read(NET_FILE)
    identity = provenance.identity(NET, record["inputs"])
    edit(NET_FILE, lambda record: record.update(id=identity), seal=True)
    assert audit().file(PDF).status == "stale"


# a copied figure


@pytest.fixture(params=[PDF, PNG], ids=["pdf", "png"])
def copy(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A figure alone in an empty folder."""
    there = tmp_path / "elsewhere"
    there.mkdir()
    target = there / f"renamed{request.param.suffix}"
    shutil.copy(request.param, target)
    monkeypatch.chdir(there)
    return Path(target.name)


def test_a_copied_figure_proves_itself(copy: Path) -> None:
    finding = Audit().file(copy)
    assert finding.status == "ok", finding.problems
    assert finding.record["dataset"] == DATASET
    assert finding.record["job"]["name"] == "fig"
    assert finding.not_here == {str(path) for path in (*ARRAYS, NET_FILE, TABLE_FILE)}
    assert any("no params here" in note for note in finding.notes)


def test_every_changed_byte_of_a_copied_figure_is_seen(copy: Path) -> None:
    content = copy.read_bytes()
    for place in range(10, len(content), 211):
        changed = bytearray(content)
        changed[place] ^= 1
        copy.write_bytes(changed)
        assert Audit().file(copy).status != "ok", place
    copy.write_bytes(content + b"\n1 0 obj\n<< >>\nendobj\n")  # a later update of a PDF would hide the page
    assert Audit().file(copy).status == "tampered"


def test_a_copied_figure_without_its_record_is_unknown(copy: Path) -> None:
    copy.write_bytes(embedded._remove(copy.read_bytes()))
    assert texts(Audit().file(copy)) == "no record says how it was made"


def test_an_embedded_record_that_was_edited_is_seen(copy: Path) -> None:
    content = copy.read_bytes()
    inside = embedded.extract(content)
    assert inside
    picture = embedded._remove(content)
    other = inside.record | {"inputs": {"data/r/results/clean.csv": "0" * 64}}
    copy.write_bytes(embedded.embed(picture, other))
    assert "its id does not follow" in texts(Audit().file(copy))
    copy.write_bytes(content.replace(b'"source":"photos10"', b'"source":"cifar100"'))
    assert Audit().file(copy).status == "tampered"
    copy.write_bytes(content.replace(b'"job":', b'"jab":'))
    assert texts(Audit().file(copy)) == "its embedded record is damaged"


def test_a_copy_is_compared_with_the_project_around_it(
    project: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = copy.resolve()
    monkeypatch.chdir(project)
    finding = audit().file(there)
    assert (finding.status.value, finding.not_here) == ("ok", set())
    own = project / PDF.with_suffix(copy.suffix)
    inside = embedded.extract(own.read_bytes())
    assert inside
    there.write_bytes(embedded.embed(embedded._remove(there.read_bytes()) + b"", inside.record | {"seed": 7}))
    assert "the same id and other bytes" in texts(audit().file(there))
    small_project.make_table("psnr\n31\n")
    assert f"its input {TABLE_FILE} changed" in texts(audit().file(there))


def test_a_copy_with_its_record_beside_it(project: Path, tmp_path: Path) -> None:
    for suffix in (".png", ".json"):
        shutil.copy(PDF.with_suffix(suffix), tmp_path)
    finding = audit().file(tmp_path / "fig.png")
    assert finding.status == "ok", finding.problems
    assert finding.notes == ["not copied along: fig.pdf", "a copy of figures/r/fig.pdf"]


# its picture


def test_the_chain_reaches_from_the_raw_data_to_the_figure() -> None:
    checker = audit()
    graph = chain.behind(checker.file(PDF), checker.findings)
    assert [[graph[key].kind for key in layer] for layer in chain.layers(graph)] == [
        ["raw data"], ["dataset"], ["model"], ["table"], ["figure"],
    ]  # fmt: skip
    assert {node.state for node in graph.values()} == {"ok"}
    shutil.rmtree("data/r/models")
    shutil.rmtree("data/r/dataset")
    checker = audit()
    graph = chain.behind(checker.file(PDF), checker.findings)
    states = {node.kind: node.state for node in graph.values()}
    assert states == {"raw data": "ok", "dataset": "not here", "model": "not here", "table": "ok", "figure": "ok"}
    assert graph[str(record_path(NET_FILE))].ids == (provenance.read(TABLE_FILE)["inputs"][str(NET_FILE)][:16],)
    assert TABLE.name in graph[str(record_path(TABLE_FILE))].names


def test_nodes_that_play_the_same_part_are_merged_and_states_are_not() -> None:
    def node(kind: str, name: str, *inputs: str, state: str = "ok") -> chain.Node:
        return chain.Node((name,), ("0",), kind, state, frozenset(inputs))

    graph = {"a": node("model", "a"), "b": node("model", "b")}
    for system in "ab":
        graph |= {f"{system}{i}": node("attack", f"{system}.{i}", system) for i in range(5)}
    graph["a0"] = node("attack", "a.0", "a", state="stale")
    graph["t"] = node("table", "t", *(key for key in graph if len(key) == 2))
    assert chain.grouped(graph, 10) == graph
    by_system = chain.grouped(graph, 5)
    assert sorted((len(node.names), node.state) for node in by_system.values()) == [
        (1, "ok"), (1, "ok"), (1, "ok"), (1, "stale"), (4, "ok"), (5, "ok"),
    ]  # fmt: skip
    by_kind = chain.grouped(graph, 2)
    assert sorted((node.kind, len(node.names), node.state) for node in by_kind.values()) == [
        ("attack", 1, "stale"), ("attack", 9, "ok"), ("model", 2, "ok"), ("table", 1, "ok"),
    ]  # fmt: skip
    assert by_kind["t"].inputs == {key for key, node in by_kind.items() if node.kind == "attack"}
