# Params, paths and staleness for all rules. Nothing is written while this file is read, but for file times in a clone.
import sys
from pathlib import Path

from semrobust.pipeline import captions, files, jobs, locks, outputs, record as provenance
from semrobust.errors import SemrobustError
from semrobust.pipeline.layout import DATASET_FILES, Layout, record_path
from semrobust.config.params import load
from semrobust.config.registry import FIGURES

PARAMS_FILES = list(dict.fromkeys(["params.yaml", *(os.path.relpath(path) for path in workflow.overwrite_configfiles)]))


if workflow.config_settings.config:
    print("semrobust: jobs read params from files, so --config is refused; write an overlay file instead", file=sys.stderr)
    sys.exit(2)

def or_stop(step):
    """What `step` returns; one of our errors becomes one line and its exit code."""
    try:
        return step()
    except SemrobustError as error:
        print(f"semrobust: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


PARAMS = or_stop(lambda: load([Path(path) for path in PARAMS_FILES]))
CAPTIONS = {name: or_stop(lambda: captions.figure(PARAMS, name)) for name in FIGURES}
CAPTIONS |= {name: or_stop(lambda: captions.table(PARAMS, name)) for name in outputs.TABLES}
LAYOUT = Layout(PARAMS.run)
METADATA = Path(".snakemake/metadata")
# Results without Snakemake's metadata come from elsewhere (dvc pull, git clone): what is stale their records say
# (`current` below), and their times must not say otherwise.
if workflow.is_main_process and not (METADATA.is_dir() and any(METADATA.iterdir())):
    provenance.settle_times(LAYOUT.root, LAYOUT.figures)
    for measured in (LAYOUT.root / "benchmarks").rglob("*.tsv"):  # older than an input they would make their job stale
        os.utime(measured)
PAIRS = PARAMS.pairs()
# the templates of captions see nothing of a workflow but its config
config["captions"] = {name: caption.rst for name, caption in CAPTIONS.items()}
FILES = " ".join(f"--params {path}" for path in PARAMS_FILES)


wildcard_constraints:
    system="[a-z0-9_]+",
    attack="[a-z0-9_]+",
    table="|".join(outputs.TABLES), # headline numbers lie in the same folder
    figure="[a-z0-9_]+",


# All files of an artifact, its record among them: who needs one needs all, and a lost one is made again.
DATASET = [LAYOUT.dataset(), *(LAYOUT.dataset().with_name(name) for name in DATASET_FILES)]


def model_files(system):
    return [LAYOUT.model(system), record_path(LAYOUT.model(system))]


def clean_files(system):
    return [LAYOUT.clean(system), record_path(LAYOUT.clean(system))]


def fading_files(system):
    return [LAYOUT.fading(system), record_path(LAYOUT.fading(system))]


def structure_files(system):
    return [LAYOUT.structure(system), record_path(LAYOUT.structure(system))]


def attack_files(system, attack):
    samples = LAYOUT.attack(system, attack)
    return [samples, LAYOUT.perturbations(system, attack), record_path(samples)]


def limits_files(system):
    return [LAYOUT.limits(system), record_path(LAYOUT.limits(system))]


def criteria_files(system):
    return [LAYOUT.criteria(system), record_path(LAYOUT.criteria(system))]


def noise_files(system):
    return [LAYOUT.noise(system), record_path(LAYOUT.noise(system))]


def accuracy_files(system):
    return [LAYOUT.accuracy(system), record_path(LAYOUT.accuracy(system))]


def gallery_files():
    return [LAYOUT.gallery(), record_path(LAYOUT.gallery())]


def table_files(table):
    return [LAYOUT.table(table), record_path(LAYOUT.table(table))]


def metrics_files():
    return [LAYOUT.metrics(), record_path(LAYOUT.metrics())]


def figure_files(figure):
    return [LAYOUT.figure(figure), LAYOUT.figure(figure, ".png"), record_path(LAYOUT.figure(figure))]


def report_files():
    return [LAYOUT.report(), record_path(LAYOUT.report())]


def in_report(path, kind):
    """An output as `snakemake --report` shows it; `kind` names its wildcard and its caption's template."""

    def category(wildcards):
        paper = wildcards[kind].split("_")[0]
        return "Tables" if kind == "table" else paper if paper in ("hu2022", "zhang2026") else "Beyond the papers"

    def labels(wildcards):
        name = wildcards[kind]
        short = name.split("_", 1)[1] if kind == "figure" else name
        return {kind: short, "shows": CAPTIONS[name].title}

    return report(str(path), caption=f"../report/{kind}.rst", category=category, labels=labels)


def current(artifact, job):
    """Input function of every rule: no files, but an artifact that `job` would not make now is made again.

    Snakemake compares params only where its own metadata has them. In a clone with results from elsewhere it has none,
    and would take the old model for the new one. The artifact's record says what it was made with.
    """
    reason = provenance.staleness(Path(artifact), job)
    if reason:
        print(f"semrobust: {artifact} is made again: {reason}", file=sys.stderr)
        workflow.dag.forcefiles.add(str(artifact))
    return []


def log(*parts):
    return str(LAYOUT.root / "logs" / Path(*parts)) + ".log"


def benchmark(*parts):
    """What a job cost: wall and processor time, largest memory. `workflow/costs.py` collects these files."""
    return str(LAYOUT.root / "benchmarks" / Path(*parts)) + ".tsv"


def claim_run():
    """One engine for each run. Snakemake's own lock would outlive a killed one, so the profile turns it off."""
    locks.hold(LAYOUT.lock("snakemake"), f"run '{PARAMS.run}'")
    check_room()


def check_room():
    """Job logs lie on the disk too: when it is full, they cannot say so."""
    for folder in (METADATA, LAYOUT.root, LAYOUT.figures):
        files.need_room(folder)


onstart:
    or_stop(claim_run)


onerror:
    or_stop(check_room)
