"""Every way to change an artifact or its record, and what the audit says of it and of all that was made from it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdf
import pytest
from PIL import Image, PngImagePlugin

from semrobust.errors import UsageError
from semrobust.pipeline import code, embedded, files, lineage
from semrobust.pipeline import record as provenance
from semrobust.pipeline.audit import UNASKED, Audit, Finding, Status
from semrobust.pipeline.plan import beside
from tests.pipeline import small_project
from tests.pipeline.small_project import artifact, audit
from tests.pipeline.toys import net
from tests.pipeline.toys.raw import DATASET

CSV, PDF = Path("data/r/results/clean.csv"), Path("figures/r/fig.pdf")
PNG = PDF.with_suffix(".png")
KINDS = ("dataset", "train", "table", "figure")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The finished small project; the working directory."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    small_project.use_small_steps(monkeypatch)
    small_project.make()
    return root


def stored(kind: str) -> Path:
    """First file in the store of an artifact of a kind."""
    return artifact(kind).path()


def statuses(**options: Any) -> list[str]:
    """What is found of data, first network, table and figure in the store."""
    checker = audit(**options)
    return [checker.file(artifact(kind).record).status.value for kind in KINDS]


def texts(finding: Finding) -> str:
    return "; ".join(text for _, text in finding.problems)


def edit(path: Path, change: Callable[[dict[str, Any]], Any], seal: bool = False) -> None:
    """Edit a record by hand, or with `seal` so that its own digest holds again."""
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(provenance.sealed(record) if seal else record))


def repaint(png: Path) -> None:
    """Change one pixel, and keep all that the file says beside."""
    with Image.open(png) as image:
        image.load()
        texts = PngImagePlugin.PngInfo()
        for keyword, text in image.info.items():
            if isinstance(text, str):
                texts.add_itxt(str(keyword), text)
        image.putpixel((0, 0), (1, 2, 3, 255))
        image.save(png, pnginfo=texts)


def flip(path: Path, place: int = -40) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_finished_project_is_ok_and_nothing_is_written(project: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    checker = audit(complete=True)
    found = checker.everything()
    assert sorted(finding.address.partition("-")[0] for finding in found) == [
        "dataset/photos10", "figure/fig", "figure/fig", "table/clean", "table/clean", "train/net", "train/net.small",
    ]  # fmt: skip
    assert {finding.status.value for finding in found} == {"ok"}
    assert all(finding.whole for finding in found)
    assert not any(finding.notes for finding in found)
    figure = checker.file(PNG)
    assert figure.made_from == {artifact("table").record}
    assert len(figure.compared) == 4
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


TAMPERED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "an array": (lambda: stored("dataset").write_text("x"), "dataset", "train_images.npy is not the file that was"),
    "a checkpoint": (lambda: stored("train").write_text("heavy"), "train", "not the file that was written"),
    "a cell": (lambda: stored("table").write_text("system,letters\n"), "table", "not the file that was written"),
    "a pixel": (lambda: repaint(artifact("figure").path(".png")), "figure", "not the picture that was drawn"),
    "the PDF's text": (lambda: flip(stored("figure"), 300), "figure", "not the picture that was drawn"),
    "a hash": (
        lambda: edit(artifact("table").record, lambda r: next(iter(r["inputs"].values())).update({".x": "0" * 64})),
        "table", "its id does not follow",
    ),
    "a setting": (lambda: edit(artifact("train").record, lambda r: r["settings"].update(seed=6)), "train", "its key"),
    "a setting, sealed": (
        lambda: edit(artifact("train").record, lambda r: r["settings"].update(seed=6), seal=True), "train", "its key",
    ),
    "the version": (lambda: edit(artifact("train").record, lambda r: r["recipe"].update(train=2)), "train", "its key"),
    "the code": (lambda: edit(artifact("train").record, lambda r: r.update(code="0")), "train", "its digest does not"),
    "the command": (lambda: edit(artifact("train").record, lambda r: r.update(command=["me"])), "train", "its digest"),
    "the commit": (lambda: edit(artifact("train").record, lambda r: r["git"].update(commit="")), "train", "its digest"),
    "the lineage": (lambda: edit(artifact("figure").record, lambda r: r["lineage"].clear()), "figure", "its digest"),
    "no digest": (lambda: edit(artifact("train").record, lambda r: r.pop("digest")), "train", "its digest is missing"),
    "no JSON": (lambda: artifact("table").record.write_text("{"), "table", "its record is damaged"),
    "no inputs": (lambda: edit(artifact("table").record, lambda r: r.pop("inputs")), "table", "its record is damaged"),
    "the raw data": (
        lambda: edit(artifact("dataset").record, lambda r: r["dataset"].update(digest="1"), seal=True),
        "dataset", "digest",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_changed_is_tampered_and_what_was_made_from_it_is_not_ok(name: str) -> None:
    change, kind, message = TAMPERED[name]
    change()
    place = KINDS.index(kind)
    found = statuses()
    assert found[: place + 1] == ["ok"] * place + ["tampered"]
    assert message in texts(audit().file(artifact(kind).path()))
    if kind != "table" or "record is damaged" not in message:  # of the table there is an intact copy: the published one
        # of the raw data's digest every record has a copy
        assert set(found[place + 1 :]) <= ({"stale", "tampered"} if name == "the raw data" else {"stale"})


def test_the_published_copy_is_judged_by_itself() -> None:
    CSV.write_text("system,letters\n")
    assert audit().file(CSV).status == "tampered"
    assert statuses() == ["ok"] * 4
    repaint(PNG)
    assert "not the picture that was drawn" in texts(audit().file(PDF))


def test_a_file_changed_with_its_record_contradicts_what_was_made_from_it() -> None:
    """Whoever edits a cell, and the record beside it with all its digests, must edit the figure too."""
    table = artifact("table")
    for stem in (CSV.with_suffix(""), table.stem):
        beside(stem, ".csv").write_text("system,letters\n")
        edit(beside(stem, ".json"), lambda r: r["outputs"].update({".csv": files.sha256(CSV)}), seal=True)
    checker = audit()
    assert checker.file(CSV).status == "ok"
    assert checker.file(PDF).status == "stale"
    assert texts(checker.file(PDF)).startswith(f"its input table/clean-{table.key} was made again")


def test_another_intact_figure_under_this_name_is_seen() -> None:
    for suffix in (".pdf", ".png", ".json"):
        shutil.copy(PDF.with_suffix(suffix), PDF.with_name(f"other{suffix}"))
    finding = audit().file(PDF.with_name("other.png"))
    assert finding.status == "tampered"
    assert texts(finding).startswith("its record is that of figure/fig-")
    record = artifact("train").record
    shutil.copy(record.with_suffix(".safetensors"), record.with_name("net-0123456789ab.safetensors"))
    shutil.copy(record, record.with_name("net-0123456789ab.json"))
    assert "its record is that of train/net-" in texts(audit().file(record.with_name("net-0123456789ab.json")))


def test_the_record_inside_a_figure_must_be_that_beside_it() -> None:
    inside = embedded.extract(PNG.read_bytes())
    assert inside
    PNG.write_bytes(embedded.embed(PNG.read_bytes(), inside.record | {"seed": 6}))
    edit(PDF.with_suffix(".json"), lambda r: r["outputs"].update({".png": files.sha256(PNG)}), seal=True)
    assert texts(audit().file(PDF)) == "the record in fig.png contradicts the one beside it"


# stale


def test_other_params_make_published_files_stale_and_leave_the_store_unasked() -> None:
    checker = audit(width=8)
    assert checker.file(stored("train")).status == "ok"
    assert checker.file(stored("train")).notes == [UNASKED]
    assert checker.file(stored("table")).notes == [UNASKED]
    assert texts(checker.file(CSV)).startswith("its input train/net is another: width (was 4, now 8)")
    assert "width (was 4, now 8)" in texts(checker.file(PDF))
    samples = audit(samples=10)
    assert texts(samples.file(CSV)) == "samples (was 9, now 10)"
    assert samples.file(stored("train")).notes == []


def test_a_change_of_code_is_stale_where_the_code_is_in_the_key_and_a_note_where_a_version_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(code, "digest", lambda modules: "changed")
    checker = audit()
    assert texts(checker.file(CSV)).startswith("its code changed")
    found = checker.file(stored("train"))
    assert (found.status.value, found.notes) == ("ok", ["made by other code of the same version"])


def test_a_raised_version_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(net.STEP.__dict__, "versions", lambda *_: {"train": 2})
    assert "train (was 1, now 2) changed" in texts(audit().file(CSV))


def test_an_input_made_again_is_stale_and_so_is_what_came_of_another_grandparent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOY_CONTENT", "on another machine")
    for path in artifact("train").paths:
        path.unlink()
    small_project.make("train")
    assert statuses() == ["ok", "ok", "stale", "stale"]
    assert "was made again, and is another" in texts(audit().file(CSV))
    for path in artifact("table").paths:
        path.unlink()
    small_project.make("table")
    assert statuses() == ["ok", "ok", "ok", "stale"]


def test_a_run_of_other_params_is_not_compared_with_these() -> None:
    checker = Audit(small_project.planned(run="another"))
    finding = checker.file(PDF)
    assert finding.status == "ok"
    assert "not of the run another: settings and code are not compared" in finding.notes


def test_a_published_table_that_no_params_ask_for_is_stale() -> None:
    plan = small_project.planned()
    del plan.artifacts["table/clean"]
    assert texts(Audit(plan).file(CSV)) == "the params ask for nothing of this name"


# what is not here


def test_a_clone_with_published_files_only_says_how_much_it_could_compare() -> None:
    for folder in ("dataset", "models", "tables", "figures"):
        shutil.rmtree(f"data/r/{folder}")
    checker = audit()
    found = {finding.path: finding for finding in checker.everything()}
    assert set(found) == {CSV, PDF}
    assert {finding.status.value for finding in found.values()} == {"ok"}
    assert not any(finding.whole for finding in found.values())
    assert (len(found[PDF].compared), len(found[PDF].behind)) == (1, 4)
    assert (len(found[CSV].compared), len(found[CSV].behind)) == (0, 3)
    assert texts(audit(complete=True).file(PDF)) == "3 of its inputs up the lineage are not here"
    everything = audit(complete=True).everything()
    assert {finding.status.value for finding in everything} == {"unknown"}
    assert len(everything) == 5


def test_a_deleted_producer_is_named() -> None:
    stored("train").unlink()
    assert statuses() == ["ok", "unknown", "ok", "ok"]
    assert "is not here, but its record is" in texts(audit().file(artifact("train").record))
    assert statuses(complete=True) == ["ok", "unknown", "unknown", "unknown"]


def test_without_a_record_nothing_is_known() -> None:
    CSV.with_suffix(".json").unlink()
    Path("data/r/results/extra.csv").write_text("smuggled")
    Path("data/r/models/net.npz").write_text("beside no record")
    found = {finding.path: texts(finding) for finding in audit().everything() if finding.status != "ok"}
    names = (CSV, Path("data/r/results/extra.csv"), Path("data/r/models/net.npz"))
    assert found == dict.fromkeys(names, "no record says how it was made")
    with pytest.raises(UsageError, match=r"no file data/r/none\.csv"):
        audit().file(Path("data/r/none.csv"))


def test_logs_scratch_and_other_json_are_passed_over() -> None:
    before = len(audit().everything())
    for name in ("scratch/state.npy", "logs/a.csv", "results/.hidden.csv", "results/a.json", "results/report.html"):
        files.write_text(Path("data/r") / name, "{}")
    assert len(audit().everything()) == before


def test_records_that_name_each_other_end() -> None:
    table = artifact("table")
    full = f"table/clean-{table.key}"
    edit(
        artifact("train").record, lambda r: r["inputs"].update({full: {".csv": files.sha256(table.path())}}), seal=True
    )
    assert audit().file(PDF).status == "stale"


# an earlier release


def test_a_record_of_the_first_edition() -> None:
    table = small_project.first_edition(Path("data/r/results"))
    finding = audit().file(table)
    assert [status for status, _ in finding.problems] == [Status.EARLIER]
    edit(table.with_suffix(".json"), lambda record: record.update(seed=9))
    assert "its digest does not follow" in texts(audit().file(table))
    table.write_text("a\n2\n")
    assert "old.csv is not the file that was written" in texts(audit().file(table))


def test_a_copied_figure_of_an_earlier_release_is_judged_by_its_picture_alone(tmp_path: Path) -> None:
    copy = tmp_path / "old.png"
    shutil.copy(Path(__file__).parent / "files/first_edition.png", copy)
    finding = Audit().file(copy)
    assert [status for status, _ in finding.problems] == [Status.EARLIER]
    flip(copy, 200)
    assert Audit().file(copy).status is Status.TAMPERED


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
    assert {address.partition("-")[0] for address in finding.not_here} == {
        "dataset/photos10", "train/net", "train/net.small", "table/clean",
    }  # fmt: skip
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
    if copy.suffix == ".png":
        with Image.open(copy) as image:
            image.save(copy)
    else:
        pdf = pypdf.PdfWriter(clone_from=copy)
        del pdf.root_object["/Metadata"]
        pdf.compress_identical_objects(remove_unreferenced=True)
        pdf.write(copy)
    assert texts(Audit().file(copy)) == "no record says how it was made"


def test_an_embedded_record_that_was_edited_is_seen(copy: Path) -> None:
    content = copy.read_bytes()
    inside = embedded.extract(content)
    assert inside
    (address,) = inside.record["inputs"]
    copy.write_bytes(embedded.embed(content, inside.record | {"inputs": {address: {".csv": "0" * 64}}}))
    assert "its id does not follow" in texts(Audit().file(copy))
    copy.write_bytes(embedded.embed(content, inside.record | {"settings": {"run": "r", "dpi": 51}}))
    assert "its key does not follow" in texts(Audit().file(copy))
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
    assert (finding.status.value, finding.whole) == ("ok", True)
    assert texts(audit(dpi=60).file(there)) == "dpi (was 50, now 60)"
    inside = embedded.extract((project / PDF.with_suffix(copy.suffix)).read_bytes())
    assert inside
    there.write_bytes(embedded.embed(there.read_bytes(), inside.record | {"seed": 7}))
    assert "the same id and other bytes" in texts(audit().file(there))
    for path in (CSV, stored("table")):
        path.write_text("system,letters\n")
    assert "which is tampered" in texts(audit().file(there))


def test_a_copy_with_its_record_beside_it(project: Path, tmp_path: Path) -> None:
    for suffix in (".png", ".json"):
        shutil.copy(PDF.with_suffix(suffix), tmp_path)
    finding = audit().file(tmp_path / "fig.png")
    assert finding.status == "ok", finding.problems
    assert finding.notes == ["not copied along: fig.pdf", f"a copy of figure/fig-{artifact('figure').key}"]


# its picture


def test_the_lineage_reaches_from_the_raw_data_to_the_figure() -> None:
    checker = audit()
    graph = lineage.behind(checker.file(PDF), checker)
    assert [node.kind for node in graph.values()] == ["raw data", "dataset", "train", "train", "table", "figure"]
    assert {node.state for node in graph.values()} == {"ok"}
    shutil.rmtree("data/r/models")
    shutil.rmtree("data/r/dataset")
    checker = audit()
    graph = lineage.behind(checker.file(PDF), checker)
    states = {node.kind: node.state for node in graph.values()}
    assert states == {"raw data": "ok", "dataset": "not here", "train": "not here", "table": "ok", "figure": "ok"}
    missing = graph[f"train/net-{artifact('train').key}"]
    assert (
        missing.id
        == provenance.read(artifact("table").record)["inputs"][f"train/net-{artifact('train').key}"][".safetensors"][
            :16
        ]
    )
    drawn = lineage.mermaid(graph)
    assert drawn.startswith("flowchart TD\n")
    assert '"figure fig<br>' in drawn
    assert "classDef not_here" in drawn
    assert lineage.written(drawn, Path("a.md")) == f"```mermaid\n{drawn}```\n"


def test_many_of_a_kind_are_one_node_and_states_are_not_merged() -> None:
    def node(kind: str, name: str, *inputs: str, state: str = "ok") -> lineage.Node:
        return lineage.Node(kind, name, "0", state, frozenset(inputs))

    graph = {"a": node("train", "a")} | {f"a{i}": node("attack", f"a.{i}", "a") for i in range(9)}
    graph["a0"] = node("attack", "a.0", "a", state="stale")
    graph["t"] = node("table", "t", *(key for key in graph if len(key) == 2))
    drawn = lineage.mermaid(graph)
    assert "8 × attack<br>ok" in drawn
    assert "attack a.0<br>0<br>stale" in drawn
    assert drawn.count("-->") == 4


def test_the_rules_are_those_of_the_plan() -> None:
    assert lineage.rules(small_project.planned()).splitlines() == [
        "flowchart TD", '  n0["dataset"]', '  n1["train"]', '  n2["table"]', '  n3["figure"]',
        "  n0 --> n1", "  n1 --> n2", "  n2 --> n3",
    ]  # fmt: skip
