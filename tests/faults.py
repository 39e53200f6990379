"""Kill runs at random moments, call again, and compare what comes out with an undisturbed run, byte by byte.

    python -m tests.faults --finished FOLDER --work FOLDER --kills 20 --seed 1 --out docs/faults.json
    python -m tests.faults --show docs/faults.json

The finished FOLDER is a project in which the `ci` preset has run and been recorded (`Project.create`, `snakemake all`,
`workflow/record.py`); it is copied, not changed. In each round an artifact and all that was made from it are removed,
in some a parameter is changed too; an engine makes them again and is killed in the midst of it; the
parameter is changed back, and the same command is called until it has finished. With `SEMROBUST_CIFAR10` naming a
folder with the hub's parquet files, downloads of them from a server on loopback are killed too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from semrobust.pipeline.files import sha256, write_text
from semrobust.pipeline.plan import Plan
from tests import kills
from tests.data.samples import Hold, Served, Web, web_server
from tests.workflow.project import Project

ENGINES = {
    "snakemake and its jobs": ("snakemake", "--cores", "2"),
    "snakemake alone": ("snakemake", "--cores", "2"),
    "training": ("snakemake", "--cores", "2"),
    "training between epochs": ("snakemake", "--cores", "2"),
    "dvc repro and all below": ("dvc", "repro"),
    "dvc repro alone": ("dvc", "repro"),
}
# who is killed, and what is being made: a `model`, or an artifact with a `chain` of others behind it
CYCLE = (
    ("snakemake alone", "model"), ("training", "model"), ("snakemake and its jobs", "chain"),
    ("dvc repro and all below", "chain"), ("download", ""), ("training between epochs", "model"),
    ("snakemake alone", "chain"), ("dvc repro alone", "chain"), ("snakemake and its jobs", "model"), ("download", ""),
)  # fmt: skip
TRAINED = ("deepjscc", "deepjscc_noiseless", "trained_smooth", "mae_no_at", "vit")
TWO_EPOCHS = TRAINED[:2]
OTHER_PARAMS = {"plot": {"dpi": 61}}


@dataclass
class Row:
    """One kill in the tally."""

    victim: str
    remade: str
    killed_after_s: float
    finished_before: int
    running: list[str]
    orphans: list[str]
    next_call: list[str]
    finished_after_s: float
    equal: bool


def behind(plan: Plan, address: str) -> list[str]:
    """An artifact and all that is made from it."""
    found = {address}
    for artifact in plan:  # in an order in which they can be made
        if found & set(artifact.needs):
            found.add(artifact.address)
    return sorted(found)


def remove(project: Project, addresses: Iterable[str]) -> None:
    """Remove artifacts with their training states; what is published of them stays."""
    plan = project.plan()
    for artifact in (plan[address] for address in addresses):
        for path in artifact.paths:
            (project.root / path).unlink(missing_ok=True)
        for scratch in (project.root / "data/ci/scratch" / artifact.kind).glob(f"{artifact.name}-*"):
            shutil.rmtree(scratch)


def choose(project: Project, victim: str, what: str, rng: random.Random) -> list[str]:
    """An artifact to make again, and all behind it that goes with it; few enough for a round of minutes."""
    if what == "model":
        return [f"train/{rng.choice(TWO_EPOCHS if 'between' in victim else TRAINED)}"]
    plan, kind = project.plan(), rng.choice(["clean", "fading", "criteria", "theory", "table"])
    chains = [behind(plan, artifact.address) for artifact in plan if artifact.kind == kind]
    return rng.choice([chain for chain in chains if 2 <= len(chain) <= 40])


def strike(
    project: Project, command: tuple[str, ...], victim: str, system: str, count: int, rng: random.Random, output: Path
) -> dict[str, Any]:
    """Start the engine and kill the victim at a random moment; raises TooLate if the engine was faster."""
    running = project.start(*command, output=output)
    started = time.monotonic()
    if victim == "training between epochs":
        kills.wait_until(
            lambda: any((project.root / "data/ci/scratch/train").glob(f"{system}-*/state.pt")), running, 0.005
        )
    else:
        after = rng.randrange(count)
        kills.wait_until(lambda: kills.finished_jobs(output) >= after and bool(kills.jobs(project)), running)
        kills.pause(rng.uniform(0, 10), running)
    state = {
        "killed_after_s": round(time.monotonic() - started, 1),
        "finished_before": kills.finished_jobs(output),
        "running": [kills.name(job) for job in kills.jobs(project)],
    }
    if victim.startswith("training"):
        process = kills.training(project, system)
        if process is None:
            running.wait()
            raise kills.TooLate
        process.kill()
        running.wait()  # Snakemake sees that a job failed, and ends
        return state | {"orphans": []}
    kills.kill(running, with_children=not victim.endswith("alone"))
    return state | {"orphans": [kills.name(process) for process in kills.of_project(project)]}


def go_on(project: Project, command: tuple[str, ...], log: Path) -> list[str]:
    """Call the command until it has finished; returns what each call said. Waits only where it is told to."""
    said = []
    while True:
        before = time.time()
        done = project.run(*command, ok=False, timeout=3600)
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        messages = re.findall(r"^semrobust: (.*)$", done.stdout + done.stderr, re.M)
        for path in sorted((project.root / "data/ci/logs").rglob("*.log")):
            if path.stat().st_mtime >= before:
                messages += re.findall(r"semrobust: (process .*)$", path.read_text(errors="replace"), re.M)
        messages = [re.sub(r"process \d+", "a process", message) for message in dict.fromkeys(messages)]
        said.append("; ".join(["finished" if done.returncode == 0 else f"exit code {done.returncode}", *messages]))
        if done.returncode == 0:
            return said
        busy = re.search(r"worked on by process (\d+)", done.stdout + done.stderr)
        assert busy, f"{command} failed, see {log}"
        psutil.wait_procs([process for process in kills.of_project(project) if process.pid == int(busy[1])])


def engine_round(
    project: Project, expected: dict[str, str], victim: str, what: str, change: bool, rng: random.Random
) -> Row:
    """Have an engine make things again, kill the victim, and go on."""
    params = (project.root / "params.yaml").read_bytes()
    output = project.root.parent / "killed.log"
    command = ENGINES[victim] + (() if victim.startswith("dvc") else ("models" if what == "model" else "all",))
    while True:
        gone = choose(project, victim, what, rng)
        remove(project, gone)
        if change:
            project.change(OTHER_PARAMS)
        try:
            state = strike(project, command, victim, gone[0].partition("/")[2], len(gone), rng, output)
            break
        except kills.TooLate:
            (project.root / "params.yaml").write_bytes(params)
            project.run(*command, timeout=3600)
        finally:
            (project.root / "params.yaml").write_bytes(params)
    called = time.monotonic()
    said = go_on(project, command, project.root.parent / "next.log")
    seconds = round(time.monotonic() - called, 1)
    psutil.wait_procs(kills.of_project(project))
    equal = project.results() == expected and not kills.litter(project)
    remade = gone[0].replace("/", " ") + (f" and {len(gone) - 1} behind it" if len(gone) > 1 else "")
    remade += ", plot.dpi changed and back" if change else ""
    return Row(victim, remade, next_call=said, finished_after_s=seconds, equal=equal, **state)


def download_round(project: Project, web: Web, expected: dict[str, str], rng: random.Random) -> Row:
    """Kill `semrobust data` after a random number of bytes of the hub's two files."""
    forget(project)
    name = rng.choice(sorted(web.files))
    served = web.files[name]
    served.hold = Hold(rng.randrange(len(served.body)))
    running = project.start(*fetch_command(), output=project.root.parent / "killed.log")
    started = time.monotonic()
    kills.wait_until(served.hold.reached.is_set, running)
    kills.pause(rng.uniform(0, 0.5), running)
    seconds = round(time.monotonic() - started, 1)
    kills.kill(running, with_children=True)
    share = served.hold.after / len(served.body)
    served.hold.released.set()
    served.hold = None
    web.requests.clear()
    called = time.monotonic()
    project.run(*fetch_command(), timeout=3600)
    first = int((web.ranges()[0] or "bytes=0-")[6:-1])
    said = f"finished; went on at byte {first:,} of {len(served.body):,}"
    finished = round(time.monotonic() - called, 1)
    remade = f"{name} stopped at {share:.0%}"
    return Row("download", remade, seconds, 0, ["data"], [], [said], finished, downloaded(project) == expected)


def fetch_command() -> tuple[str, ...]:
    return ("semrobust", "data", "--params", "params.yaml", "--params", "download.yaml")


def forget(project: Project) -> None:
    """Remove the dataset of the run `download` and what it was made from."""
    for folder in ("data/raw", "data/download"):
        shutil.rmtree(project.root / folder, ignore_errors=True)


def downloaded(project: Project) -> dict[str, str]:
    return {path.name: sha256(path) for path in sorted((project.root / "data/download/dataset").rglob("*.npy"))}


def prepare_downloads(project: Project, web: Web, copy: Path) -> dict[str, str]:
    """Serve the parquet files of CIFAR-10 in `copy`, and fetch them once undisturbed; returns what came out."""
    names = [sorted(copy.glob(f"{split}*.parquet"))[0].name for split in ("train", "test")]
    web.files |= {name: Served((copy / name).read_bytes()) for name in names}
    data = {"source": "cifar10", "mirrors": [], "hub": [f"{web.url}/{name}" for name in names]}
    (project.root / "download.yaml").write_text(yaml.safe_dump({"run": "download", "data": data}))
    project.run(*fetch_command())
    return downloaded(project)


def _in_short(call: str) -> str:
    """What a call said, without why it made things again."""
    return "; ".join(part for part in call.split("; ") if " is made again: " not in part).split(". Wait")[0]


def table(rows: list[dict[str, Any]]) -> str:
    """The tally in Markdown."""
    lines = [
        "| # | victim | being remade | killed after (jobs done) | running then | next call | finished after | equal |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for number, row in enumerate(rows, 1):
        at = f"{row['killed_after_s']:.0f} s ({row['finished_before']})"
        running = ", ".join(row["running"]) + (f"; lived on: {', '.join(row['orphans'])}" if row["orphans"] else "")
        said = " → ".join(_in_short(call) for call in row["next_call"])
        equal = "yes" if row["equal"] else "**no**"
        cells = [
            str(number),
            row["victim"],
            row["remade"],
            at,
            running,
            said,
            f"{row['finished_after_s']:.0f} s",
            equal,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--finished", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("docs/faults.json"))
    parser.add_argument("--show", type=Path, help="print a tally as a table, and do nothing else")
    given = parser.parse_args()
    if given.show:
        print(table(json.loads(given.show.read_text(encoding="utf-8"))["kills"]), end="")
        return
    if given.finished is None or given.work is None:
        parser.error("--finished and --work are required")
    rng, rows = random.Random(given.seed), []
    project = Project(given.finished).copy(given.work.resolve() / "project")
    expected = project.results()
    copy = os.environ.pop("SEMROBUST_CIFAR10", None)
    with web_server() as web:
        fetched = prepare_downloads(project, web, Path(copy)) if copy else {}
        for number in range(given.kills):
            victim, what = CYCLE[number % len(CYCLE)]
            if victim == "download" and not copy:
                continue
            if victim == "download":
                row = download_round(project, web, fetched, rng)
            else:
                row = engine_round(project, expected, victim, what, number % 6 == 2, rng)
            rows.append(asdict(row))
            print(json.dumps(rows[-1]), flush=True)
            write_text(given.out, json.dumps({"seed": given.seed, "kills": rows}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
