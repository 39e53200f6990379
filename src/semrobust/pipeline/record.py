"""The record beside each artifact: from what, by which code and with which params it was made.

    record = {format, id, job {kind, name, key}, settings, recipe, needs, code, modules, inputs, lineage, outputs,
              dataset, seed, plugins, git, packages, python, command, details, digest}

`key` names what was to be made, and `id` what was made: it is computed from the key and the content of the inputs, so
the same two give the same id in every clone and on every day. `needs` are the inputs in the order in which they stand
in the key (`inputs` are sorted), so the key follows from the record alone. `outputs` maps the ends of the files' names
to SHA-256, `inputs` and `lineage` (the inputs of the inputs, down to the raw data) map `kind/name-key` to such maps, so
that a figure's record alone names everything behind it. `digest` is over all other fields.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from semrobust.config.settings import Plain
from semrobust.errors import ArtifactError
from semrobust.pipeline import files

KEY_DIGITS = 12

FORMAT = 2
"""Records of the first edition have none; they are read, and said to be of an earlier release."""

Hashes = Mapping[str, str]

_PACKAGES = (
    "torch", "numpy", "scipy", "numba", "pandas", "pillow", "av", "pyldpc", "sionna-no-rt", "matplotlib", "seaborn",
    "semrobust",
)  # fmt: skip
_SOURCE = Path(__file__).resolve().parents[1]
_CODE_PATHS = ("src", "workflow", "Snakefile", "params.yaml", "params", "pyproject.toml")
_FIELDS = {
    "format": int, "id": str, "job": dict, "settings": dict, "recipe": dict, "needs": list, "code": str,
    "inputs": dict, "lineage": dict, "outputs": dict, "dataset": dict,
}  # fmt: skip


class EarlierRelease(ValueError):
    """A record of the first edition: what it says of its own files can be checked, and nothing else."""


def read(path: Path) -> Plain:
    """Read a record; raises ArtifactError if it is missing or damaged, EarlierRelease for one of the first edition."""
    try:
        return checked(json.loads(path.read_text(encoding="utf-8")))
    except EarlierRelease:
        raise
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} is missing: nothing says how its files were made") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is not a provenance record: {error}") from error


def checked(record: Any) -> Plain:
    """Return a record if its fields are of their types; raises KeyError, TypeError or EarlierRelease."""
    if isinstance(record, dict) and "format" not in record and "job" in record and "outputs" in record:
        raise EarlierRelease("the record is of an earlier release")
    wrong = [field for field, kind in _FIELDS.items() if not isinstance(record[field], kind)]
    wrong += [field for field in ("kind", "name", "key") if not isinstance(record["job"][field], str)]
    for behind in (*record["inputs"].values(), *record["lineage"].values(), record["outputs"]):
        wrong += [f"hash of {end}" for end, used in behind.items() if not isinstance(used, str)]
    if wrong:
        raise TypeError(f"{', '.join(wrong)} is of another type")
    return dict(record)


def key(kind: str, name: str, settings: Plain, recipe: Plain, inputs: Sequence[str]) -> str:
    """What stands in the names of an artifact's files; `inputs` are the keys of its inputs, in their order."""
    return files.digest([kind, name, settings, recipe, list(inputs)])[:KEY_DIGITS]


def identity(key: str, inputs: Mapping[str, Hashes]) -> str:
    """Short id of what is made under a key from inputs with these hashes: 16 hex digits."""
    return files.digest([key, {address: dict(hashes) for address, hashes in inputs.items()}])[:16]


def sealed(record: Mapping[str, Any]) -> Plain:
    """Return a record, as JSON gives it back, with the digest of all its fields: an edit by hand is then seen."""
    plain: Plain = json.loads(json.dumps({key: value for key, value in record.items() if key != "digest"}))
    return plain | {"digest": files.digest(plain)}


def contradiction(record: Mapping[str, Any]) -> str | None:
    """What in a record does not follow from the rest of it, None if all does.

    Raises KeyError or TypeError where a field is missing or of another type.
    """
    job, needs = record["job"], record["needs"]
    keys = [address.rpartition("-")[2] for address in needs]
    if job["key"] != key(job["kind"], job["name"], record["settings"], record["recipe"], keys):
        return "its key does not follow from its settings, recipe and inputs"
    if record["id"] != identity(job["key"], record["inputs"]) or {*needs} != {*record["inputs"]}:
        return "its id does not follow from its key and inputs"
    if "digest" not in record:
        return "its digest is missing: it was removed"
    return None if record["digest"] == sealed(record)["digest"] else "its digest does not follow from its fields"


def write(path: Path, record: Mapping[str, Any]) -> None:
    """Seal a record and write it."""
    files.write_text(path, json.dumps(sealed(record), indent=1, ensure_ascii=False) + "\n")


def surroundings(plugins: Sequence[str] = ()) -> Plain:
    """What a record says of the machine's side: commit, and versions of packages and Python.

    `plugins` are those of the params; the commit speaks for those that lie in the project, too.
    """
    return {
        "git": git_state(plugins),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "python": platform.python_version(),
    }


def git_state(plugins: Sequence[str] = ()) -> Plain:
    """Commit and whether code or params differ from it; nulls outside a checkout that tracks the code that runs.

    `plugins` in the project count as code. A repository that merely lies around the project, as around an unpacked
    archive, does not speak for it.
    """
    commit = _git("rev-parse", "HEAD") if _git("ls-files", "--", str(_SOURCE)) else ""
    if not commit:
        return {"commit": None, "dirty": None}
    untracked = _git("ls-files", "--others", "--", str(_SOURCE)).splitlines()  # ignored ones among them
    changed = _git("status", "--porcelain", "--", *_CODE_PATHS, *plugins)
    return {"commit": commit, "dirty": bool(changed) or any(path.endswith(".py") for path in untracked)}


def in_git() -> bool:
    """Whether the working directory is in any git repository."""
    return bool(_git("rev-parse", "--git-dir"))


def _git(*arguments: str) -> str:
    """What git says; nothing where it fails, or is not there."""
    command = ["git", "--literal-pathspecs", *arguments]
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def difference(old: Any, new: Any, path: str = "") -> str:
    """The first setting in which two sections differ, with both values; empty if they are equal."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            found = difference(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))
            if found:
                return found
        return ""
    return "" if old == new else f"{path} (was {old!r}, now {new!r})"
