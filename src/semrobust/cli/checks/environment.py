"""Python, packages, commands and the machine."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from semrobust.cli.checks.finding import Finding, Setting, gib
from semrobust.config.params import Params
from semrobust.pipeline import step
from semrobust.pipeline.plan import Plan

LOCK = Path("requirements.lock")
_INSTALL = "make install, or pip install --no-build-isolation -r requirements.lock"
_NEEDED_EXTRAS = ("", "workflow")


def python(_: Setting) -> Iterator[Finding]:
    """The interpreter, and whether it is the project's own."""
    version, place = platform.python_version(), sys.prefix
    if sys.version_info < (3, 11):  # noqa: UP036  # whoever runs this may have put the package on an older Python's path
        yield Finding("problem", "Python", f"{version}, but 3.11 or newer is needed", "install it, then make install")
    elif sys.prefix == sys.base_prefix and not os.environ.get("CONDA_PREFIX"):
        yield Finding(
            "warning", "Python", f"{version} in {place}, no virtual environment", "make install, then use .venv"
        )
    else:
        yield Finding("ok", "Python", f"{version} in {place}")


def packages(_: Setting) -> Iterator[Finding]:
    """Installed versions beside what the package needs and what the lock pins."""
    installed = {_plain(found.name): found.version for found in metadata.distributions()}
    needed = [Requirement(text) for text in metadata.requires("semrobust") or []]
    unmet = []
    for requirement in needed:
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in _NEEDED_EXTRAS):
            continue
        found = installed.get(_plain(requirement.name))
        if found is None or not requirement.specifier.contains(found.partition("+")[0], prereleases=True):
            unmet.append(f"{requirement.name}{requirement.specifier} (found {found or 'none'})")
    if unmet:
        yield Finding("problem", "packages", f"not as semrobust needs them: {', '.join(unmet)}", _INSTALL)
    if not LOCK.exists():
        yield Finding("warning", "pins", f"{LOCK} is not here", "run in the project's root")
        return
    pins = pinned(LOCK.read_text(encoding="utf-8"))
    other = {
        name: (version, installed.get(_plain(name)))
        for name, version in pins.items()
        if (installed.get(_plain(name)) or "").partition("+")[0] != version
    }
    if other:
        names = ", ".join(f"{name} {found or 'none'} (pinned {version})" for name, (version, found) in other.items())
        remedy = f"{_INSTALL}; with other versions numbers may differ in their last digits"
        yield Finding(
            "warning", "pins", f"{len(other)} of {len(pins)} packages differ: {names}", remedy, {"differ": other}
        )
    else:
        yield Finding("ok", "pins", f"all {len(pins)} packages are as {LOCK} pins them")


def pinned(lock: str) -> dict[str, str]:
    """Versions by package of a lock's text, lines of `name==version`."""
    lines = (line.partition("#")[0].strip() for line in lock.splitlines())
    return dict(line.split("==") for line in lines if "==" in line)


def _plain(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return name.lower().replace("_", "-").replace(".", "-")


def commands(_: Setting) -> Iterator[Finding]:
    """What the workflow calls by name, and tools that only some targets need."""
    missing = [name for name in ("semrobust", "snakemake", "dvc", "git") if shutil.which(name) is None]
    if missing:
        remedy = "source .venv/bin/activate (git comes from the system)"
        yield Finding("problem", "commands", f"not in PATH: {', '.join(missing)}", remedy)
    ours = shutil.which("semrobust")
    if ours and Path(ours).parent.resolve() != (Path(sys.prefix) / "bin").resolve():
        text = f"jobs would call {ours}, which is not of this environment ({sys.prefix})"
        yield Finding("warning", "commands", text, "source .venv/bin/activate")
    for name, use in {
        "dot": "pictures of the DAG",
        "sbatch": "the Slurm profile",
        "chromium": "tests of reports",
    }.items():
        found = shutil.which(name)
        yield Finding("ok", "optional", f"{name}: {found or 'none'}, for {use} only")


def cores(setting: Setting) -> Iterator[Finding]:
    """Cores, and the threads that jobs would start on them."""
    there, params = setting.cores, setting.params
    text = f"{there} of {os.cpu_count()}"
    asked = os.environ.get("OMP_NUM_THREADS")
    if asked is not None:
        text += f"; OMP_NUM_THREADS={asked}, which jobs overrule"
    quota = _quota()
    if quota is not None and quota < there:
        remedy = f"snakemake --cores {max(1, int(quota))}"
        yield Finding("warning", "cores", f"{text}, but the control group may use {quota:g}", remedy)
    if isinstance(params, Params):
        most = params.compute.model_dump()
        large = {name: threads for name, threads in most.items() if threads > there}
        if large:
            named = ", ".join(f"compute.{name} = {threads}" for name, threads in large.items())
            remedy = (
                f"lower to {there}; it is part of the params, since sums depend on it, so those jobs are made again"
            )
            yield Finding("warning", "cores", f"{text}; more threads than cores in one job: {named}", remedy)
            return
        named = ", ".join(f"{name.replace('_', ' ')} {threads}" for name, threads in most.items())
        text += f"; {named} (Snakemake keeps the sum of all jobs within --cores)"
    yield Finding("ok", "cores", text, details={"cores": there})


def _quota() -> float | None:
    """CPUs that the control group grants; None where nothing is limited."""
    try:
        given, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if given == "max" else int(given) / int(period)
    except (OSError, ValueError):
        return None


def memory(setting: Setting) -> Iterator[Finding]:
    """Free memory beside what as many jobs as there are cores need."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        sizes = {line.partition(":")[0]: 1024 * int(line.split()[1]) for line in lines if line.endswith("kB")}
        free, total = sizes["MemAvailable"], sizes["MemTotal"]
    except (OSError, ValueError, KeyError):
        yield Finding("ok", "memory", "not known on this system")
        return
    plan = setting.plan
    kinds = {artifact.kind for artifact in plan} if isinstance(plan, Plan) else set()
    largest = max((step.steps()[kind].memory_mb for kind in kinds), default=0) * 2**20
    text = f"{gib(free)} of {gib(total)} free; a job is granted up to {gib(largest)}"
    details = {"free_bytes": free, "total_bytes": total, "largest_job_bytes": largest}
    if not largest:
        yield Finding("ok", "memory", f"{gib(free)} of {gib(total)} free", details=details)
    elif free < largest * setting.cores:
        fitting = max(1, int(free // largest))
        remedy = f"enough for {fitting} of them at a time: snakemake --cores {fitting}"
        yield Finding("warning", "memory", f"{text}, one per core could be too much", remedy, details)
    else:
        yield Finding("ok", "memory", text, details=details)


def kernels(_: Setting) -> Iterator[Finding]:
    """Whether numba can keep what it compiles, or each job has to compile for itself."""
    from semrobust.phy.compiled import place  # imports numba

    kept = place()
    if kept is None:
        text = "numba finds no folder to keep them in, so every job compiles them anew"
        yield Finding("warning", "kernels", text, "set NUMBA_CACHE_DIR to a folder that can be written")
    else:
        yield Finding("ok", "kernels", f"compiled once, kept in {kept}")


def gpu(_: Setting) -> Iterator[Finding]:
    """An NVIDIA GPU, and whether torch can use it. Torch is imported only where there is one."""
    try:
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        names = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        yield Finding("ok", "GPU", "none; the CPU does it all")
        return
    import torch

    named = "; ".join(names.splitlines())
    if torch.cuda.is_available():
        yield Finding("ok", "GPU", f"{named}; CUDA {torch.version.cuda}", details={"cuda": torch.version.cuda})
    else:
        text = f"{named}, but torch {torch.__version__} cannot use it"
        yield Finding(
            "warning", "GPU", text, "install the torch build for this driver: https://pytorch.org/get-started"
        )
