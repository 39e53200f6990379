# Params, paths and staleness for all rules. Nothing is written while this file is read.
import sys
from pathlib import Path

from semrobust.core import jobs, provenance
from semrobust.core.errors import SemrobustError
from semrobust.core.layout import DATASET_FILES, Layout, record_path
from semrobust.core.params import load, merge, read_yaml
from semrobust.core.registry import FIGURES

PARAMS_FILES = list(dict.fromkeys(["params.yaml", *(os.path.relpath(path) for path in workflow.overwrite_configfiles)]))


def load_params():
    """The validated params, read from the same files that every job reads."""
    raw = {}
    for path in PARAMS_FILES:
        raw = merge(raw, read_yaml(Path(path)))
    if raw != config:
        sys.exit("semrobust: jobs read params from files, so --config has no effect; write an overlay file instead")
    return load([Path(path) for path in PARAMS_FILES])


try:
    PARAMS = load_params()
except SemrobustError as error:
    print(f"semrobust: {error}", file=sys.stderr)
    sys.exit(error.exit_code)

LAYOUT = Layout(PARAMS.run)
PAIRS = PARAMS.pairs()
FILES = " ".join(f"--params {path}" for path in PARAMS_FILES)


wildcard_constraints:
    system="[a-z0-9_]+",
    attack="[a-z0-9_]+",
    table="[a-z0-9_]+",
    figure="[a-z0-9_]+",


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
