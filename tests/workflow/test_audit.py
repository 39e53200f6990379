"""`semrobust audit` and `semrobust crate` on a real run: all ok, and every way to tamper with it is found."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from semrobust.config.params import load
from semrobust.pipeline.artifacts import artifacts
from semrobust.pipeline.layout import Layout, record_path
from tests.workflow.project import Project, tree

pytestmark = pytest.mark.slow

LAYOUT = Layout("ci")
FIGURE = LAYOUT.figure("zhang2026_fig_ratio")
PNG = FIGURE.with_suffix(".png")
TABLE = LAYOUT.table("power_ratio")
MODEL = LAYOUT.model("deepjscc")


def audit(project: Project, *arguments: str, code: int = 1) -> dict[str, tuple[str, str]]:
    """Status and first problem of each artifact."""
    done = project.run("semrobust", "audit", "--json", *arguments, ok=False)
    assert done.returncode == code, done.stderr
    return {
        each["path"]: (each["status"], "; ".join(problem["text"] for problem in each["problems"]))
        for each in json.loads(done.stdout)["artifacts"]
    }


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def test_a_finished_run_is_ok_and_the_plan_is_what_the_workflow_makes(finished: Project) -> None:
    before = tree(finished.root)
    found = audit(finished, "--complete", code=0)
    assert {status for status, _ in found.values()} == {"ok"}
    planned = {record_path(path).as_posix() for path in artifacts(load([finished.root / "params.yaml"]))}
    assert {record_path(Path(path)).as_posix() for path in found} == planned
    done = finished.run("semrobust", "audit")
    assert f"{len(found)} artifacts: 0 tampered, 0 stale, 0 unknown, {len(found)} ok" in done.stdout
    assert len(done.stdout.splitlines()) == 2
    assert tree(finished.root) == before


def test_every_tampering_is_found(project: Project) -> None:
    root = project.root
    with Image.open(root / PNG) as image:
        text, dpi, pixels = dict(image.text), image.info["dpi"], image.copy()  # type: ignore[attr-defined]
    pixels.putpixel((5, 5), (255, 0, 0, 255))
    kept = PngImagePlugin.PngInfo()
    for key, value in text.items():
        kept.add_itxt(key, value) if key.startswith("XML") else kept.add_text(key, value)
    pixels.save(root / PNG, pnginfo=kept, dpi=dpi)
    bounds = root / LAYOUT.figure("zhang2026_bounds")
    bounds.write_bytes(bounds.read_bytes().replace(b"/Subject (zhang2026_bounds)", b"/Subject (zhang2026_other_)"))
    table = root / TABLE
    table.write_text(table.read_text().replace("ok", "no", 1))
    model = bytearray((root / MODEL).read_bytes())
    model[-1] ^= 1
    (root / MODEL).write_bytes(model)
    edit(root / record_path(LAYOUT.clean("deepjscc")), lambda record: record.update(command=["by", "hand"]))
    edit(root / record_path(LAYOUT.table("clean")), lambda record: record["settings"].update(seed=1))
    (root / LAYOUT.model("vit")).unlink()
    (root / record_path(LAYOUT.table("overhead"))).unlink()
    found = audit(project)
    assert found[FIGURE.as_posix()][0] == "tampered"
    assert f"{PNG.name} is not the file that was written: it is not the picture" in found[FIGURE.as_posix()][1]
    assert f"its input {TABLE} changed" in found[FIGURE.as_posix()][1]
    assert found[LAYOUT.figure("zhang2026_bounds").as_posix()][0] == "tampered"
    assert found[TABLE.as_posix()][0] == "tampered"
    assert found[MODEL.as_posix()] == ("tampered", f"{MODEL.name} is not the file that was written")
    assert "its digest" in found[LAYOUT.clean("deepjscc").as_posix()][1]
    assert "its key does not follow" in found[LAYOUT.table("clean").as_posix()][1]
    assert found[LAYOUT.model("vit").as_posix()][0] == "unknown"
    assert found[LAYOUT.table("overhead").as_posix()] == ("unknown", "no record says how it was made")
    stale = [path for path, (status, _) in found.items() if status == "stale"]
    assert LAYOUT.attack("deepjscc", "pga").as_posix() in stale
    assert LAYOUT.model("mae_vq").as_posix() not in stale
    assert found[LAYOUT.dataset().as_posix()][0] == "ok"


def test_edited_params_and_code_are_named(project: Project) -> None:
    project.change({"systems": {"deepjscc": {"training": {"epochs": 3}}}})
    found = audit(project)
    assert found[MODEL.as_posix()] == ("stale", "system.training.epochs (was 2, now 3)")
    assert "which is stale" in found[TABLE.as_posix()][1]
    assert found[LAYOUT.model("vit").as_posix()][0] == "ok"
    assert found[LAYOUT.table("code_structure").as_posix()][0] == "ok"
    source = project.root / "src/semrobust/viz/zhang2026_fig_ratio.py"
    source.write_text(source.read_text().replace('"""', '"""Explained better. ', 1) + "\nNEW = 1\n")
    command = ["semrobust", "audit", "--json", FIGURE.as_posix()]
    environment = project.environment() | {"PYTHONPATH": "src"}  # the code in the project, not the installed
    done = subprocess.run(command, cwd=project.root, env=environment, capture_output=True, text=True, check=False)
    assert "its code changed since commit" in done.stdout


def test_a_clone_is_ok_as_far_as_it_reaches(finished: Project, tmp_path: Path) -> None:
    clone = finished.clone(tmp_path / "clone")
    found = audit(clone, code=0)
    assert len(found) > 30
    assert {status for status, _ in found.values()} == {"ok"}
    done = clone.run("semrobust", "audit", FIGURE.as_posix(), "--graph", str(tmp_path / "chain.svg"))
    assert "up the chain, known by name and hash only" in done.stdout
    assert "not here (" in (tmp_path / "chain.svg").read_text()


def test_after_dvc_pull_the_whole_chain_is_ok(pulled: Project) -> None:
    assert {status for status, _ in audit(pulled, "--complete", code=0).values()} == {"ok"}


def test_a_copied_figure_alone(finished: Project, tmp_path: Path) -> None:
    there = Project(tmp_path / "empty")
    there.root.mkdir()
    for path in (FIGURE, PNG):
        shutil.copy(finished.root / path, there.root)
    assert audit(there, ".", code=0) == {FIGURE.name: ("ok", ""), PNG.name: ("ok", "")}
    with Image.open(there.root / PNG.name) as image:
        image.load()
        image.save(there.root / "stripped.png")
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", image.info["XML:com.adobe.xmp"])
        image.putpixel((0, 0), (1, 2, 3, 255))
        image.save(there.root / "pixel.png", pnginfo=info)
    found = audit(there, ".")
    assert found["stripped.png"] == ("unknown", "no record says how it was made")
    assert found["pixel.png"][0] == "tampered"
    assert audit(finished, str(there.root / PNG.name), code=0)


def test_the_crate_leads_from_a_figure_to_the_dataset(finished: Project, tmp_path: Path) -> None:
    from rocrate.rocrate import ROCrate

    for name in ("one", "two"):
        finished.run("semrobust", "crate", str(tmp_path / name))
    one, two = (tmp_path / name / "ro-crate-metadata.json" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    crate = ROCrate(tmp_path / "one")
    made_by = {entity.id: action for action in crate.get_by_type("CreateAction") if action.id != "#run"
               for entity in action["result"]}  # fmt: skip
    pending, kinds, objects = [FIGURE.as_posix()], set(), {}
    while pending:
        action = made_by.get(pending.pop())
        if action is not None and action.id not in objects:
            objects[action.id] = {entity.id: entity for entity in action["object"]}
            kinds.add(action["name"].split()[0])
            pending += objects[action.id]
    assert kinds == {"figure", "table", "attack", "structure", "model", "dataset"}
    record = json.loads((finished.root / record_path(FIGURE)).read_text())
    used = {**record["inputs"], **record["lineage"]}
    reached = {name: entity for of in objects.values() for name, entity in of.items()}
    assert {name: reached[name]["sha256"] for name in used} == used
    assert any(name.startswith("#raw-") and e["sha256"] == record["dataset"]["digest"] for name, e in reached.items())
    assert crate.get(FIGURE.as_posix())["encodingFormat"] == "application/pdf"
    assert (tmp_path / "one" / FIGURE).read_bytes() == (finished.root / FIGURE).read_bytes()
    assert crate.mainEntity.id == "Snakefile"
    assert crate.get("#run")["instrument"] is crate.mainEntity


def test_nothing_is_exported_that_is_not_ok(project: Project, tmp_path: Path) -> None:
    (project.root / TABLE).write_text("psnr\n")
    done = project.run("semrobust", "crate", str(tmp_path / "crate"), ok=False)
    assert done.returncode == 1
    assert "artifacts of the run are not ok" in done.stderr
    assert not (tmp_path / "crate").exists()
