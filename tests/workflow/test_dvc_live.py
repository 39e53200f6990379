"""Training curves through DVCLive: while trainings run, after interruptions, and for models that were there before."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.workflow.project import ROOT, Project, tree

TRAINING = Path("data/ci/training")
MANY_EPOCHS = 900  # too few for compiling to pay
LIVE = ("python", "workflow/live.py", "ci")


def curve(project: Project, system: str, loss: str = "train_loss") -> list[tuple[int, float]]:
    """(epoch, loss) of each line; empty while there is none."""
    path = project.root / TRAINING / "plots" / "metrics" / system / f"{loss}.tsv"
    if not path.exists():
        return []
    rows = csv.DictReader(path.read_text().splitlines(), delimiter="\t")
    return [(int(row["step"]), float(row[loss])) for row in rows]


def recorded(project: Project, system: str, loss: str = "train_loss") -> list[tuple[int, float]]:
    record = json.loads((project.root / project.plan()[f"train/{system}"].record).read_text())
    return [(epoch["epoch"], epoch[loss]) for epoch in record["details"]["history"]]


@pytest.mark.slow
def test_curves_of_finished_trainings_are_those_of_their_records(project: Project) -> None:
    before = project.root / TRAINING
    expected = {name: (project.root / name).read_bytes() for name in tree(project.root) if str(TRAINING) in name}
    assert curve(project, "deepjscc") == recorded(project, "deepjscc")
    assert curve(project, "vit_at", "validation_loss") == recorded(project, "vit_at", "validation_loss")
    rows = json.loads((before / "plots/custom/losses.json").read_text())
    assert {row["system"] for row in rows} >= {"deepjscc", "trained_smooth", "mae_vq", "vit"}
    assert {row["set"] for row in rows} == {"train", "validation"}
    assert not (before / "plots/metrics/hevc_ldpc_qpsk").exists()  # constructed, not trained
    shutil.rmtree(before)
    project.run(*LIVE, "true")
    assert {name: (project.root / name).read_bytes() for name in expected} == expected
    assert "up to date" in project.run("dvc", "status").stdout


@pytest.mark.slow
def test_an_interrupted_and_resumed_training_gives_one_curve_while_it_runs(project: Project) -> None:
    told: list[tuple[int, float]] = recorded(project, "deepjscc")
    project.change({"systems": {"deepjscc": {"training": {"epochs": MANY_EPOCHS}}}})
    for _ in range(2):
        model = project.plan()["train/deepjscc"].path()
        project.run("semrobust", "plan")
        running = project.start(*LIVE, "snakemake", "--cores", "1", str(model))
        deadline = time.monotonic() + 240
        while len(curve(project, "deepjscc")) < len(told) + 3:
            assert time.monotonic() < deadline
            assert running.poll() is None, running.communicate()[0]
            time.sleep(0.2)
        os.killpg(running.pid, signal.SIGINT)  # Ctrl-C
        running.communicate(timeout=120)
        assert running.returncode not in (0, None)
        shown = curve(project, "deepjscc")
        assert [epoch for epoch, _ in shown] == list(range(1, len(shown) + 1))
        assert len(told) < len(shown) < MANY_EPOCHS
        if len(told) > 2:  # the first time it replaces the curve of two epochs with other params
            assert shown[: len(told)] == told
        told = shown
        assert curve(project, "vit") == recorded(project, "vit")
    summary = json.loads((project.root / TRAINING / "metrics.json").read_text())
    assert summary["deepjscc"]["train_loss"] == pytest.approx(told[-1][1])
    assert '"epoch": 3' in project.run("dvc", "plots", "show", "--show-vega", "Training").stdout


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with nothing but params and their plan; curves of its trainings come and go."""
    folder = tmp_path_factory.mktemp("planned")
    shutil.copy(ROOT / "params.yaml", folder)
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    project = Project(folder)
    project.run("semrobust", "plan")
    return project


@pytest.fixture
def without_curves(planned: Project) -> Project:
    """As `planned`, with nothing of an earlier test."""
    shutil.rmtree(planned.root / "data/laptop/training", ignore_errors=True)
    return planned


@pytest.mark.parametrize(("command", "code"), [("exit 3", 3), ("kill -9 $$", 137), ("exit 0", 0)])
def test_the_exit_code_of_the_command_is_kept(without_curves: Project, command: str, code: int) -> None:
    done = without_curves.run("python", str(ROOT / "workflow/live.py"), "laptop", "sh", "-c", command, ok=False)
    assert done.returncode == code, done.stderr
    assert (without_curves.root / "data/laptop/training/metrics.json").exists()


def test_a_request_to_end_is_passed_on(planned: Project) -> None:
    script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    running = planned.start("python", str(ROOT / "workflow/live.py"), "laptop", "sh", "-c", script)
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    time.sleep(0.5)  # the handler stands right behind the start of the command
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 5


def test_a_run_without_a_plan_is_told_before_anything_runs(tmp_path: Path) -> None:
    done = Project(tmp_path).run("python", str(ROOT / "workflow/live.py"), "laptop", "touch", "ran", ok=False)
    assert done.returncode == 1
    assert "is no plan of a run" in done.stderr
    assert not (tmp_path / "ran").exists()
