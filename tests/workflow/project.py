"""A checkout of the project in a temporary folder, with the `ci` preset as its params, and the engines run in it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from semrobust.config.params import load, merge, read_yaml
from semrobust.pipeline.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
# what a run needs of the repository; the package itself is installed, DVC only hashes its source
_PARTS = [
    "Snakefile",
    "dvc.yaml",
    "workflow",
    "profiles",
    "params",
    "src",
    ".dvcignore",
    ".gitignore",
    ".dvc/config",
    ".dvc/plots",
    "pyproject.toml",
]


def script(name: str) -> ModuleType:
    """One of the scripts in workflow/, which are in no package, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "workflow" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# a process for each would import the same again, for half of the whole time
_MAKE_ALL = """
from pathlib import Path
from semrobust.cli import main
from semrobust.pipeline.plan import Plan
plan = Plan.current([Path("params.yaml")])
folder = str(plan.write())
for artifact in plan:
    code = main([artifact.kind, artifact.name, "--plan", folder, "--key", artifact.key], standalone_mode=False)
    assert not code, artifact.address
"""


@dataclass(frozen=True)
class Project:
    """A project folder; `run` executes a command in it with the environment of the tests first in PATH."""

    root: Path

    @classmethod
    def create(cls, root: Path) -> Project:
        """Copy the repository and commit it to a git repository of its own."""
        for part in _PARTS:
            source, target = ROOT / part, root / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_symlink():
                target.symlink_to(source.readlink())
            elif source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
            else:
                shutil.copy2(source, target)
        project = cls(root)
        ignored = root / ".gitignore"  # here `ci` is the reference run, whose tables and figures are tracked
        ignored.write_text(re.sub(r"^/(data|figures)/ci/\n", "", ignored.read_text(), flags=re.M))
        small = merge(read_yaml(ROOT / "params.yaml"), read_yaml(ROOT / "params" / "ci.yaml"))
        project.write_params({key: value for key, value in small.items() if key not in ("at_most", "at_least")})
        project.git("init", "-q")
        project.commit()
        return project

    def copy(self, root: Path) -> Project:
        """A copy of everything, file times included, as a second checkout with the same state."""
        shutil.copytree(self.root, root, symlinks=True)
        return Project(root)

    def clone(self, root: Path) -> Project:
        """What `git clone` gives to somebody else: no data, no job metadata, no DVC cache."""
        subprocess.run(["git", "clone", "-q", str(self.root), str(root)], check=True)
        return Project(root)

    def run(self, *command: str, ok: bool = True, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        """Run a command; with `ok` a failure raises and shows what it printed."""
        done = subprocess.run(
            command, cwd=self.root, env=self.environment(), capture_output=True, text=True, timeout=timeout, check=False
        )
        if ok and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} exited {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def start(self, *command: str, output: Path | None = None) -> subprocess.Popen[str]:
        """Start a command in its own session, so that it can be killed with all its children.

        With `output` it writes to this file, which its orphans may go on to do; else to a pipe. Ctrl-C reaches it even
        if the tests themselves run in the background, where shells have it ignored by all children.
        """
        with ExitStack() as stack:
            stream = subprocess.PIPE if output is None else stack.enter_context(output.open("w"))
            return subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environment(),
                stdout=stream,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def environment(self) -> dict[str, str]:
        bin_folder = str(Path(sys.executable).parent)
        return os.environ | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}

    def git(self, *arguments: str) -> str:
        return self.run("git", "-c", "user.name=test", "-c", "user.email=test@localhost", *arguments).stdout

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "state")

    def snakemake(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("snakemake", "--cores", "2", *arguments, ok=ok)

    def make_all(self) -> None:
        """What `snakemake all` makes, by the same commands in their order, in one process."""
        self.run("python", "-c", _MAKE_ALL, timeout=1800)

    def planned(self, *targets: str) -> set[str]:
        """What a run would make, as addresses (`kind/name`), and "publish" if copies are to be put right."""
        done = self.run("snakemake", "--summary", *(targets or ("all",)))
        files = [line.split("\t") for line in done.stdout.splitlines() if line.endswith("\tupdate pending")]
        return {address_of(fields[0], fields[2]) for fields in files}

    def plan(self) -> Plan:
        """The plan of the params as they are now, by this session's code."""
        path = self.root / "params.yaml"
        return Plan.of(load([path]), [Path("params.yaml")])

    def path(self, address: str, suffix: str | None = None) -> Path:
        """A file of an artifact of this plan."""
        return self.root / self.plan()[address].path(suffix)

    def params(self) -> dict[str, Any]:
        return read_yaml(self.root / "params.yaml")

    def write_params(self, params: dict[str, Any]) -> None:
        (self.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")

    def change(self, overlay: dict[str, Any]) -> None:
        """Edit params.yaml."""
        self.write_params(merge(self.params(), overlay))

    def results(self) -> dict[str, str]:
        """Hash of every artifact that must not depend on how it was made (records name the command, so not they)."""
        return {
            path.relative_to(self.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for folder in ("data/ci", "figures/ci")
            for path in sorted((self.root / folder).rglob("*"))
            if path.suffix in (".csv", ".pdf", ".png", ".safetensors", ".parquet", ".npz", ".npy")
            and "scratch" not in path.parts
        }


def address_of(file: str, rule: str) -> str:
    """The artifact that a file in the store belongs to."""
    named = re.search(r"/([a-z0-9_.]+)-[0-9a-f]{12}", file)
    return f"{rule}/{named[1]}" if named else "publish"


def changed(before: Plan, after: Plan) -> set[str]:
    """What a change of params asks for that was not there."""
    keys = {artifact.address: artifact.key for artifact in before}
    return {artifact.address for artifact in after if keys.get(artifact.address) != artifact.key}


def tree(root: Path) -> dict[str, float]:
    """Every file with its time, but for Snakemake's and git's own."""
    return {
        path.relative_to(root).as_posix(): path.stat().st_mtime
        for path in root.rglob("*")
        if path.is_file() and not {".snakemake", ".git", "__pycache__"} & set(path.relative_to(root).parts)
    }
