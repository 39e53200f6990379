"""What no params ask for: found, removed when asked to, and nothing else touched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from semrobust.errors import BusyError
from semrobust.pipeline import gc, work
from semrobust.pipeline.work import Work
from tests.pipeline.small_project import artifact, make, planned

pytestmark = pytest.mark.usefixtures("small")


def files() -> set[Path]:
    return {path for path in Path("data").rglob("*") if path.is_file() and "locks" not in path.parts}


def test_all_that_is_asked_for_stays_and_the_rest_goes() -> None:
    make()
    wanted = files()
    make(width=8)
    make(seed=6)
    make()
    gone = files() - wanted
    other = [artifact(kind, width=8) for kind in ("train", "table", "figure")]
    found = gc.unasked([planned()])
    assert {path for each in other for path in each.paths} <= {each.path for each in found}
    assert artifact("dataset", seed=6).stem in {each.path for each in found}, "the folder of its arrays"
    assert sum(each.size for each in found) == sum(path.stat().st_size for path in gone)
    assert files() == wanted | gone, "nothing is removed yet"
    gc.remove(found, "r")
    assert files() == wanted
    assert gc.unasked([planned()]) == []


def test_what_one_of_several_params_asks_for_stays() -> None:
    make()
    make(width=8)
    assert gc.unasked([planned(), planned(width=8)]) == []
    assert {each.path.parent.name for each in gc.unasked([planned(width=8)])} == {"models", "tables", "figures"}


def test_files_of_other_people_and_published_ones_and_raw_downloads_stay() -> None:
    make()
    key = artifact("train").key
    kept = [
        "data/r/models/mine.safetensors", f"data/r/models/net-{key}.safetensors.bak", "data/r/models/notes.json",
        f"data/r/models/net-{key[:-1]}.safetensors", "data/r/models/net-0123456789AB.safetensors",
        "data/r/models/net-0123456789ab.csv", "data/r/models/net-0123456789ab",
        "data/r/results/old.csv", "data/r/mine/net-0123456789ab.safetensors", "data/raw/cifar-0123456789ab.npy",
        "data/r/dataset/photos10-0123456789ab.npy", "data/r/scratch/train/mine/state.pt", "data/r/logs/a.log",
    ]  # fmt: skip
    for name in kept:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    assert gc.unasked([planned()]) == []


def test_scratch_of_what_is_made_goes_and_that_of_what_is_going_on_stays() -> None:
    make("dataset")
    plan = planned()
    job = Work(plan, plan["train/net"])
    for folder in (job.scratch, job.scratch.with_name("net-0123456789abcdef"), job.shared):
        folder.mkdir(parents=True)
        (folder / "state.pt").write_text("state")
    assert [each.path for each in gc.unasked([plan])] == [job.scratch.with_name("net-0123456789abcdef")]
    make("train")
    assert {each.path for each in gc.unasked([plan])} == {job.scratch.with_name("net-0123456789abcdef"), job.scratch}
    make()
    assert job.shared in {each.path for each in gc.unasked([plan])}


def test_scratch_stays_while_nobody_can_say_what_its_inputs_are() -> None:
    scratch = Path("data/r/scratch/train/net-0123456789abcdef")
    scratch.mkdir(parents=True)
    assert gc.unasked([planned()]) == []


def test_a_stored_plan_of_other_params_goes() -> None:
    folder = planned(width=8).write()
    assert [each.path for each in gc.unasked([planned()])] == [folder]
    assert gc.unasked([planned(), planned(width=8)]) == []
    (folder / "models.json").write_text("{")
    assert [each.path for each in gc.unasked([planned(width=8)])] == [folder]


HOLD = """
import sys, time
from pathlib import Path
from semrobust.pipeline import locks
locks.hold(Path(sys.argv[1]), "it")
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("lock", [gc.ENGINE, "train-net.lock"])
def test_nothing_is_removed_while_an_engine_or_a_job_is_at_work(lock: str) -> None:
    make()
    make(width=8)
    before, found = files(), gc.unasked([planned()])
    path = work.lock_path(artifact("train")).with_name(lock)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        holder.stdout.readline()
        try:
            with pytest.raises(BusyError, match=f"the run r is being worked on by process {holder.pid}"):
                gc.remove(found, "r")
            assert files() == before
        finally:
            holder.kill()
    gc.remove(found, "r")
    assert files() < before
