"""`semrobust audit` and `crate` on a finished run: whole, tampered with, cloned, and a figure alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.workflow.project import Project, tree

pytestmark = pytest.mark.slow

FIGURE = Path("figures/ci/zhang2026_fig_ratio.pdf")
TABLE = Path("data/ci/results/power_ratio.csv")


def audit(project: Project, *arguments: str, code: int = 1) -> dict[str, tuple[str, str]]:
    """Status and first problems of each artifact, by its path."""
    done = project.run("semrobust", "audit", "--json", *arguments, ok=False)
    assert done.returncode == code, done.stdout + done.stderr
    return {
        each["path"]: (each["status"], "; ".join(problem["text"] for problem in each["problems"]))
        for each in json.loads(done.stdout)["artifacts"]
    }


def test_a_finished_run_is_ok_as_a_whole(finished: Project) -> None:
    before = tree(finished.root)
    found = audit(finished, "--complete", code=0)
    assert {status for status, _ in found.values()} == {"ok"}
    plan = finished.plan()
    assert len(found) == len(plan) + sum(artifact.published is not None for artifact in plan)
    assert tree(finished.root) == before


def test_every_tampering_is_found(project: Project) -> None:
    root, plan = project.root, project.plan()
    png = root / FIGURE.with_suffix(".png")
    with Image.open(png) as image:
        pixels = image.copy()
    pixels.putpixel((5, 5), (255, 0, 0, 255))
    pixels.save(png)
    (root / TABLE).write_text((root / TABLE).read_text().replace("ok", "no", 1))
    model = root / plan["train/deepjscc"].path()
    content = bytearray(model.read_bytes())
    content[-1] ^= 1
    model.write_bytes(content)
    record = root / plan["clean/deepjscc"].record
    edited = json.loads(record.read_text()) | {"command": ["by", "hand"]}
    record.write_text(json.dumps(edited))
    (root / plan["train/vit"].path()).unlink()
    found = audit(project)
    by = {path: status for path, (status, _) in found.items()}
    assert by[FIGURE.as_posix()] == by[TABLE.as_posix()] == "tampered"
    assert by[plan["train/deepjscc"].path().as_posix()] == by[plan["clean/deepjscc"].path().as_posix()] == "tampered"
    assert by[plan["attack/deepjscc.pga"].path().as_posix()] == "stale"  # what was made from the model
    assert by[plan["dataset/photos10"].record.as_posix()] == "ok"
    assert by[plan["train/mae_vq"].path().as_posix()] == "ok"


def test_edited_params_are_named_and_a_clone_is_ok_as_far_as_it_reaches(finished: Project, tmp_path: Path) -> None:
    clone = finished.clone(tmp_path / "clone")
    said = clone.run("semrobust", "audit", FIGURE.as_posix()).stdout
    assert " compared" in said  # never a bare ok where most of the lineage is elsewhere
    clone.change({"systems": {"deepjscc": {"training": {"epochs": 3}}}})
    status, why = audit(clone, FIGURE.as_posix())[FIGURE.as_posix()]
    assert status == "stale", why
    graph = tmp_path / "lineage.mmd"
    clone.run("semrobust", "audit", FIGURE.as_posix(), "--graph", str(graph), ok=False)
    assert graph.read_text().startswith("flowchart")


def test_a_copied_figure_alone_still_says_where_it_is_from(finished: Project, tmp_path: Path) -> None:
    there = Project(tmp_path / "elsewhere")
    there.root.mkdir()
    png = FIGURE.with_suffix(".png")
    for path in (FIGURE, png):
        shutil.copy(finished.root / path, there.root)
    assert {status for status, _ in audit(there, ".", code=0).values()} == {"ok"}
    with Image.open(there.root / png.name) as image:
        image.load()
        image.save(there.root / "stripped.png")
    assert audit(there, ".")["stripped.png"][0] == "unknown"


def test_the_crate_leads_from_a_figure_to_the_dataset_and_nothing_is_exported_that_is_not_ok(
    project: Project, tmp_path: Path
) -> None:
    from rocrate.rocrate import ROCrate

    for name in ("one", "two"):
        project.run("semrobust", "crate", str(tmp_path / name))
    one, two = (tmp_path / name / "ro-crate-metadata.json" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    crate = ROCrate(tmp_path / "one")
    actions = [action for action in crate.get_by_type("CreateAction") if action.id != "#run"]
    made_by = {entity.id: action for action in actions for entity in action["result"]}
    start = project.plan()["figure/zhang2026_fig_ratio"].path().as_posix()
    pending, kinds = [start], set()
    while pending:
        action = made_by.get(pending.pop())
        if action is not None and action["name"] not in kinds:
            kinds.add(action["name"])
            pending += [entity.id for entity in action["object"]]
    assert {name.split()[0] for name in kinds} >= {"figure", "table", "attack", "structure", "train", "dataset"}
    (project.root / TABLE).write_text("psnr\n")
    done = project.run("semrobust", "crate", str(tmp_path / "three"), ok=False)
    assert done.returncode == 1
    assert not (tmp_path / "three").exists()
