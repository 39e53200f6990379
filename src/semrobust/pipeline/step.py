"""A step of the pipeline, said once: what it makes, from which inputs and settings, by which function, at what cost.

A step is one file in one of the `ROOMS`, with a `Step` named `STEP` in it; the first line of the file's docstring is
its line of help. Rules, keys, records, the audit, the command line, `doctor` and the documentation follow from it, and
nothing else lists steps.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semrobust.config import plugins
from semrobust.errors import ParamsError

if TYPE_CHECKING:
    from semrobust.config.params import Params
    from semrobust.config.settings import Plain
    from semrobust.pipeline.plan import Artifact
    from semrobust.pipeline.work import Work

ROOMS = ("semrobust.data", "semrobust.training", "semrobust.measure", "semrobust.tables", "semrobust.figures")
"""Packages whose modules may be steps."""

STAGES = ("dataset", "models", "samples", "results", "figures")
"""Parts of the pipeline in their order, each a target of the workflow and a stage of DVC."""

Need = tuple[str, str]
"""An input by the kind of its step and its name."""


def _nothing(_: Params, __: str) -> tuple[()]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Step:
    """How one kind of artifact is made.

    Attributes:
        kind: name of the step, of its rule, and of its verb.
        stage: which of `STAGES` it belongs to.
        folder: where its artifacts lie below data/RUN.
        files: what follows the artifact's stem in the names of its files; the first one stands for all.
        names: the artifacts that params ask for.
        needs: the inputs of one of them.
        settings: what its content depends on, as plain JSON values. `seed`, where it stands, is the root seed, and
            `threads` the threads that it runs on.
        make: writes the files. It gets settings and inputs (`pipeline.work.Work`), and no params.
        versions: the integers that stand for the code in the key, raised when results change: for what is expensive.
            None: the code itself stands in the key.
        modules: whose code, with all that they import, makes it; for the record, and for the key without `versions`.
        places: where to look for raw files. Counts for nothing, since their content is checked.
        reads: files beside the package that `settings` looks into.
        published: below which folder ("data/RUN/results") its files are copied under their plain names.
        says: one line about what is in an artifact, for who made it by hand.
        why_not: what to say of a name that params do not ask for; empty if nothing but that.
        gpu: whether a job of it runs a network, which is quicker on a GPU.
        memory_mb, minutes: what to ask of a cluster for one job; what ran out is doubled when it is tried again.
    """

    kind: str
    stage: str
    folder: str
    files: tuple[str, ...]
    names: Callable[[Params], Iterable[str]]
    settings: Callable[[Params, str], Plain]
    make: Callable[[Work], None]
    needs: Callable[[Params, str], Iterable[Need]] = _nothing
    versions: Callable[[Params, str], Plain] | None = None
    modules: Callable[[Params, str], Sequence[str]] | None = None
    places: Callable[[Params], Plain] = lambda _: {}
    reads: Callable[[Params], Iterable[Path]] = lambda _: ()
    published: str | None = None
    says: Callable[[Artifact], str] = lambda _: ""
    why_not: Callable[[Params, str], str] = lambda *_: ""
    gpu: Callable[[Params, str], bool] = lambda *_: False
    memory_mb: int = 1500
    minutes: int = 15

    @property
    def module(self) -> str:
        """The file that the step is in."""
        return self.make.__module__

    @property
    def help(self) -> str:
        """One line that says what the step does."""
        return summary(self.module)


@cache
def defining(package: str, constant: str) -> dict[str, ast.expr]:
    """Modules of a package that define a constant, with its value as source: nothing is imported."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    found = {}
    for entry in pkgutil.iter_modules(spec.submodule_search_locations):
        if f"\n{constant} = " not in _source(f"{package}.{entry.name}"):
            continue  # most files define none, and parsing takes long
        for node in _tree(f"{package}.{entry.name}").body:
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [constant]:
                found[f"{package}.{entry.name}"] = node.value
    return found


def named(package: str, constant: str) -> dict[str, str]:
    """Such modules by their own name: where the file's name is the name of the table or figure in it."""
    return {module.rpartition(".")[2]: module for module in defining(package, constant)}


def of_run(params: Params, package: str, constant: str) -> dict[str, str]:
    """As `named`, with what the plug-ins of a run offer in this room; raises ParamsError if that has a name of ours."""
    own, foreign = named(package, constant), plugins.offered(params.plugins, _room(package))
    for name in own.keys() & foreign.keys():
        raise ParamsError([f"plugins: {foreign[name]} is called '{name}', as {own[name]} is: rename it"])
    return own | foreign


def defined(package: str, constant: str, name: str) -> tuple[str, Any]:
    """The module of such a name, of this package or of a plug-in, and what it defines; imports it alone."""
    plugin = plugins.offering(_room(package), name)
    module = named(package, constant)[name] if plugin is None else plugin.offers[_room(package)][name]
    return module, plugins.constant(module, constant)


def _room(package: str) -> str:
    return package.rpartition(".")[2]


@cache
def modules() -> dict[str, str]:
    """Module of every step by its kind; nothing is imported."""
    found: dict[str, str] = {}
    for room in ROOMS:
        for module, value in defining(room, "STEP").items():
            assert isinstance(value, ast.Call)
            (kind,) = (keyword.value for keyword in value.keywords if keyword.arg == "kind")
            found[ast.literal_eval(kind)] = module
    return found


@cache
def steps() -> dict[str, Step]:
    """Every step by its kind, in the order of the stages."""
    found = [importlib.import_module(module).STEP for module in modules().values()]
    return {step.kind: step for step in sorted(found, key=lambda step: STAGES.index(step.stage))}


@cache
def summary(module: str) -> str:
    """First sentence of a module's docstring, without importing it."""
    return description(module).partition("\n")[0].partition(". ")[0].rstrip(".")


def description(module: str) -> str:
    """A module's docstring, without importing it."""
    return ast.get_docstring(_tree(module)) or ""


@cache
def _source(module: str) -> str:
    """A module's source; nothing is imported but the package that it is in."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_source(module))
