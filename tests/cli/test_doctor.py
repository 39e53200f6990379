"""`semrobust doctor` in made-up projects: each trouble is named with what to do, and only a stopping one fails."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from numba.core.caching import CacheImpl

from semrobust.cli.checks.environment import pinned
from semrobust.config.params import Params
from semrobust.data import cifar10
from semrobust.pipeline import record as provenance
from semrobust.pipeline import work
from semrobust.pipeline.plan import Plan
from tests.cli.conftest import Call, Write
from tests.conftest import ROOT
from tests.outside import SYSTEM, install
from tests.outside import write as outside_source
from tests.pipeline import small_project


def findings(call: Call, *arguments: str, code: int = 0) -> dict[str, list[dict[str, Any]]]:
    """What the doctor found, by subject."""
    result = call("doctor", "--json", *arguments)
    assert result.exit_code == code, result.stdout
    said = json.loads(result.stdout)
    assert said["ok"] == (code == 0)
    by_subject: dict[str, list[dict[str, Any]]] = {}
    for finding in said["findings"]:
        by_subject.setdefault(finding["subject"], []).append(finding)
    return by_subject


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's commands come first, as after `source .venv/bin/activate`; and the run has few artifacts."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    small_project.use_small_steps(monkeypatch)


def test_a_healthy_project_is_ok_and_every_other_line_says_what_to_do(call: Call, project: Path) -> None:
    shutil.copy(ROOT / "requirements.lock", project)
    result = call("doctor")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "warning", "->"}
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        assert not line.startswith("warning") or following.strip().startswith("->")
    assert "photos10" in result.stdout


def test_each_package_that_differs_from_its_pin_is_named(call: Call, project: Path) -> None:
    lock = (ROOT / "requirements.lock").read_text()
    numpy = pinned(lock)["numpy"]
    (project / "requirements.lock").write_text(
        lock.replace(f"numpy=={numpy}", "numpy==0.1") + "no-such-package==1.0  # a remark\n"
    )
    (found,) = findings(call)["pins"]
    assert found["level"] == "warning"
    assert found["details"]["differ"]["numpy"] == ["0.1", numpy]
    assert found["details"]["differ"]["no-such-package"] == ["1.0", None]
    assert f"numpy {numpy} (pinned 0.1)" in found["found"]


def test_a_place_that_numba_cannot_find_is_asked_for(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings(call)["kernels"][0]["level"] == "ok"
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    (found,) = findings(call)["kernels"]
    assert "NUMBA_CACHE_DIR" in found["remedy"]


def test_commands_outside_the_path_stop_a_run(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = findings(call, code=1)["commands"][0]
    assert found["level"] == "problem"
    assert "semrobust, snakemake, dvc, git" in found["found"]


def test_wrong_params_are_a_problem_and_the_rest_is_still_looked_at(
    call: Call, write: Write, small_raw: dict[str, Any]
) -> None:
    small_raw["systems"]["deepjscc"]["training"]["epochs"] = 0
    write(small_raw)
    found = findings(call, code=1)
    assert "systems.deepjscc.training.epochs: 0" in found["params"][0]["found"]
    assert found["Python"][0]["level"] == "ok"
    assert "data" not in found


def test_plugins_are_named_with_what_they_offer_and_where_they_lie(
    call: Call, write: Write, small_raw: dict[str, Any], outside: Path
) -> None:
    outside_source(outside / "plugins" / "here.py", SYSTEM)
    install(
        outside / "site", "my_lab", {"__init__.py": "", "yours.py": ""}, "[semrobust.attacks]\nyours = my_lab.yours\n"
    )
    write(small_raw | {"plugins": ["plugins/here.py"]})
    here, installed = findings(call)["plug-in"]
    assert here["found"] == f"plugins/here.py in {outside / 'plugins' / 'here.py'}: systems mine"
    assert installed["found"].startswith(
        f"my_lab of my-lab 1.2 in {outside / 'site' / 'my_lab'}: attacks yours; not in "
    )
    assert here["level"] == installed["level"] == "ok"
    assert "my_lab" not in sys.modules


def test_more_threads_than_cores_are_warned_of(call: Call, write: Write, small_raw: dict[str, Any]) -> None:
    small_raw["compute"]["job_threads"] = 1024
    write(small_raw)
    (found,) = findings(call)["cores"]
    assert found["level"] == "warning"
    assert "compute.job_threads = 1024" in found["found"]


def test_cifar10_is_looked_for_where_a_run_looks(
    call: Call, write: Write, small_raw: dict[str, Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_raw["data"] |= {"source": "cifar10", "path": None}
    write(small_raw)
    (nothing,) = findings(call)["data"]
    assert nothing["level"] == "warning"
    assert "downloads" in nothing["found"]
    assert cifar10.VARIABLE in nothing["remedy"]
    archive = project / "data" / "raw" / cifar10.ARCHIVE
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"not the archive")
    (wrong,) = findings(call)["data"]
    assert hashlib.md5(b"not the archive").hexdigest() in wrong["found"]
    monkeypatch.setenv(cifar10.VARIABLE, "/no/such/folder")
    (missing,) = findings(call, code=1)["data"]
    assert "does not exist" in missing["found"]
    monkeypatch.setenv(cifar10.VARIABLE, str(project))
    (empty,) = findings(call, code=1)["data"]
    assert "nor parquet files" in empty["found"]


def test_a_dead_snakemake_is_a_problem_and_a_living_one_is_not(call: Call, project: Path) -> None:
    lock = project / ".snakemake" / "locks" / "0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("data/small/results/clean.csv\n")
    (dead,) = findings(call, code=1)["workflow"]
    assert "snakemake --unlock" in dead["remedy"]
    # a process of that name that stays in this folder
    stay = project / "snakemake"
    stay.write_text("import sys\nprint(flush=True)\nsys.stdin.read()\n")
    command = [sys.executable, str(stay)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=project) as living:
        assert living.stdout
        assert living.stdin
        living.stdout.readline()
        (busy,) = findings(call)["workflow"]
        assert busy["level"] == "warning"
        living.stdin.close()


def test_git_and_dvc(call: Call, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "src").mkdir()
    (project / "src" / "a.py").touch()
    monkeypatch.setattr(provenance, "_SOURCE", project / "src")
    found = findings(call)
    assert found["git"][0]["level"] == found["DVC"][0]["level"] == "warning"
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "state"]):
        subprocess.run(["git", *command], cwd=project, check=True)
    (project / ".dvc").mkdir()
    (git := project / ".git").rename(project / "hidden")
    assert "DVC refuses" in findings(call)["DVC"][0]["found"]
    (project / "hidden").rename(git)
    (project / ".dvc" / "config").write_text("[core]\n    remote = store\n['remote \"store\"']\n    url = /store\n")
    found = findings(call)
    assert found["git"][0]["level"] == "ok"
    assert found["DVC"][0]["found"] == "remote store"
    with (project / "params.yaml").open("a") as file:
        file.write("# edited\n")
    assert findings(call)["git"][0]["level"] == "warning"


def test_what_is_made_is_counted_by_step(call: Call, small_params: Params) -> None:
    (found,) = findings(call)["run"]
    assert found["details"] == {"dataset": [0, 1], "train": [0, 2], "table": [0, 1], "figure": [0, 1]}
    plan = Plan.of(small_params)
    for artifact in plan:
        work.make(plan, artifact.address)
    (found,) = findings(call)["run"]
    assert (
        found["found"]
        == "'small' has 5 of its 5 artifacts here: dataset 1 of 1, train 2 of 2, table 1 of 1, figure 1 of 1"
    )
    for path in plan["table/clean"].paths:
        path.unlink()
    assert findings(call)["run"][0]["details"]["table"] == [1, 1], "the published one is here"
    Path("data/small/results/clean.csv").write_text("edited")
    assert findings(call)["run"][0]["details"]["table"] == [0, 1]
    assert "is prepared, from photos10" in findings(call)["data"][0]["found"]
    plan["dataset/photos10"].record.write_text("{")
    (damaged, _) = findings(call)["data"]
    assert damaged["level"] == "warning"
    assert "is not a provenance record" in damaged["found"]


def test_what_jobs_took_is_said_where_it_was_measured_and_nothing_is_predicted(call: Call, project: Path) -> None:
    assert "times" not in findings(call)
    folder = project / "data/small/benchmarks/attack"
    folder.mkdir(parents=True)
    (folder / "a.tsv").write_text("s\th:m:s\n30.5\t0:00:30\n")
    (folder / "b.tsv").write_text("s\th:m:s\n60\t0:01:00\n")
    (folder / "c.tsv").write_text("no benchmark")
    (found,) = findings(call)["times"]
    assert found["found"].startswith("2 measured jobs of 'small' took 2 min, the longest 60 s")
    assert found["details"] == {"jobs": 2, "seconds": 90, "longest_s": 60}


def test_records_of_an_earlier_release_are_found(call: Call, project: Path) -> None:
    assert "records" not in findings(call)
    folder = project / "data/small/results"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text('{"id": "0", "job": {"kind": "table", "name": "a", "key": "0"}, "outputs": {}}')
    (folder / "b.json").write_text("{}")
    (found,) = findings(call)["records"]
    assert (found["level"], found["details"]) == ("warning", {"data/small/results": 1})


def test_memory_is_compared_with_what_jobs_are_granted(call: Call) -> None:
    (found,) = findings(call)["memory"]
    assert found["details"]["largest_job_bytes"] == 1500 * 2**20
