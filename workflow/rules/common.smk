# The plan of the run, and what all rules share. Nothing is written while this file is read.
import os
import sys
import threading
from functools import cache
from pathlib import Path

import yaml

from semrobust.errors import SemrobustError
from semrobust.pipeline import files, locks, work
from semrobust.pipeline.plan import FIGURES, ROOT, Plan, folder_of
from semrobust.pipeline.step import STAGES


def params_files():
    """The files that --configfile names, behind params.yaml: those whose merge is what Snakemake has read.

    Jobs read params from files, in YAML 1.2 and by our own rules of overlaying, so the files are needed and not their
    merge. They stand on the command line; those of a profile are looked for in params/.
    """
    base = Path("params.yaml")
    words = [word if Path(word).is_file() else word.partition("=")[2] for word in sys.argv[1:]]
    overlays = [Path(os.path.relpath(word)) for word in words if Path(word).suffix in (".yaml", ".yml", ".json")]
    candidates = [[path for path in overlays if path.is_file() and path != base], []]
    candidates += [[path] for path in sorted(Path("params").glob("*.yaml"))]
    for chosen in candidates:
        merged = {}
        for path in [base, *chosen]:
            update_config(merged, yaml.safe_load(path.read_text(encoding="utf-8")))
        if merged == config:
            return [base, *chosen]
    stop("jobs read params from files: name each by --configfile, and write what --config would say into an overlay", 2)


def stop(problem, code):
    print(f"semrobust: {problem}", file=sys.stderr)
    sys.exit(code)


def or_stop(act):
    """What `act` returns; one of our errors becomes one line and its exit code."""
    try:
        return act()
    except SemrobustError as error:
        stop(error, error.exit_code)


SOURCES = params_files()
PLAN = or_stop(lambda: Plan.current(SOURCES))
RUN = ROOT / PLAN.run
GPUS = int(os.environ.get("SEMROBUST_GPUS", 0)) # asked for each job that runs a network
AGAIN = RUN / "scratch" / "published" # no file stays there
# captions see nothing of a workflow but its config
config["captions"] = {
    artifact.name: "**{title}**\n\n{body}".format(**artifact.settings["caption"])
    for artifact in PLAN
    if "caption" in artifact.settings
}


wildcard_constraints:
    name="[a-z0-9_.]+",
    key="[0-9a-f]{12}",


ASKED = work.asked(PLAN)


def of_stage(stage):
    """All files of a stage."""
    return [path for artifact in ASKED if artifact.stage == stage for path in artifact.paths]


@cache
def unpublished():
    """Tables and figures that are made, and whose copies under their plain names are missing, altered or others."""
    return [artifact for artifact in PLAN if work.is_made(artifact) and not work.is_published(artifact)]


def published(wildcards):
    return AGAIN if unpublished() else []


def claim_run():
    """One engine for each run. Snakemake's own lock would outlive a killed one, so the profile turns it off."""
    locks.hold(RUN / "scratch" / "locks" / "snakemake.lock", f"run '{PLAN.run}'")
    check_room()
    PLAN.write()


def check_room():
    """Job logs lie on the disk too: when it is full, they cannot say so."""
    for folder in (Path(".snakemake"), RUN, FIGURES / PLAN.run):
        files.need_room(folder)


def end_timers():
    """Snakemake would wait at its end for the timers of its scheduler: see max-jobs-per-timespan in profiles/default."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()


onstart:
    or_stop(claim_run)


onsuccess:
    end_timers()


onerror:
    end_timers()
    or_stop(check_room)
