"""Every command that the pages tell to type is one: verb, options and targets, read by the programs' own parsers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

from semrobust.cli import main
from semrobust.figures import step as figures
from tests.conftest import ROOT
from tests.docs.pages import PAGES, READ, blocks, code, files_of

MESSAGES = {"semrobust needs Python 3.11 or newer"}
WRITTEN = {path for page in PAGES for path in files_of(page)}
NEW_FIGURES = {Path(path).stem for path in WRITTEN if "/figures/" in path}
NEW_STEPS = {"brightness"}


def lines(page: Path) -> list[str]:
    """Lines of shell blocks, of those that show a session what is typed, and commands in the text."""
    found = []
    for block in blocks(page):
        text = block.text.replace("\\\n", " ").splitlines()
        if block.language in ("sh", "bash"):
            found += text
        elif block.language == "console":
            found += [line.removeprefix("$ ") for line in text if line.startswith("$ ")]
    programs = "|".join(CHECKS)
    return found + [text for text in code(page) if re.match(rf"({programs}) [\w-]", text) and text not in MESSAGES]


def commands(page: Path) -> list[list[str]]:
    """Words of each command; placeholders in capitals stay."""
    found = []
    for line in lines(page):
        lexer = shlex.shlex(re.sub(r"[…\[\]]", "", line), posix=True, punctuation_chars="|;&>")
        lexer.whitespace_split = True
        words: list[str] = []
        try:
            parts = [*lexer, ";"]
        except ValueError:  # no closing quotation: a line of another program within
            continue
        for word in parts:
            if re.fullmatch(r"[|;&>]+", word):
                found.append(words)
                words = []
            elif not re.fullmatch(r"[A-Z_0-9]+=\S*", word):  # variables of the environment
                words.append(word)
    return [words for words in found if words]


def semrobust(*words: str) -> None:
    command: click.Command = main
    rest = list(words)
    if rest[0] in NEW_STEPS:
        return
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        verb = command.get_command(click.Context(command), rest.pop(0))
        assert verb, "no such verb"
        command = verb
    options = {name: option for option in command.params for name in option.opts} | {"--help": None, "-h": None}
    arguments = [argument for argument in command.params if isinstance(argument, click.Argument)]
    plain = 0
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            plain += 1
            continue
        assert word.split("=")[0] in options, f"{command.name} has no option {word}"
        option = options[word.split("=")[0]]
        if isinstance(option, click.Option) and not option.is_flag and "=" not in word:
            rest.pop(0)
    assert plain <= sum(map(most, arguments)), "too many arguments"


def most(argument: click.Argument) -> float:
    """How many words an argument takes: any number where its name says so, as many as that has words for a step."""
    name = argument.metavar or ""
    return 1 if argument.nargs == 1 else float("inf") if "..." in name else len(name.split())


def make(*words: str) -> None:
    known = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert {word for word in words if "=" not in word and not word.startswith("-")} <= known


@cache
def _snakemake() -> Any:
    from snakemake.cli import get_argument_parser  # type: ignore[import-untyped]

    return get_argument_parser()


@cache
def _rules() -> frozenset[str]:
    files = [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    return frozenset(
        name for file in files for name in re.findall(r"^rule (\w+):", file.read_text(encoding="utf-8"), re.M)
    )


def snakemake(*words: str) -> None:
    given = _snakemake().parse_args(list(words))
    for target in given.targets or ():
        if "/" not in target and not target.isupper():
            assert target in _rules(), f"no rule {target}"
        elif figure := re.fullmatch(r"figures/\w+/(\w+)\.(pdf|png)", target):
            assert figure[1].isupper() or figure[1] in {*figures.names(), *NEW_FIGURES}, f"no figure {figure[1]}"


def dvc(*words: str) -> None:
    from dvc.cli.parser import get_main_parser  # type: ignore[import-untyped]

    get_main_parser().parse_args(list(words))


def python(*words: str) -> None:
    if words and words[0].endswith(".py"):
        assert (ROOT / words[0]).is_file() or words[0] in WRITTEN


CHECKS: dict[str, Callable[..., None]] = {
    "semrobust": semrobust, "make": make, "snakemake": snakemake, "dvc": dvc, "python": python,
}  # fmt: skip


@pytest.mark.parametrize("page", READ, ids=lambda page: page.name)
def test_every_command_exists(page: Path) -> None:
    for program, *words in commands(page):
        if program in CHECKS:
            try:
                CHECKS[program](*words)
            except (Exception, SystemExit) as error:
                raise AssertionError(f"{page.name}: {program} {' '.join(words)}: {error}") from error


def test_a_command_that_is_none_is_noticed() -> None:
    wrong = [
        ("semrobust", "trian", "deepjscc"),
        ("semrobust", "budget", "--parms", "params.yaml"),
        ("semrobust", "train", "deepjscc", "pga"),
        ("semrobust", "evaluate", "table", "clean", "--json"),
        ("make", "dmeo"),
        ("snakemake", "al"),
        ("snakemake", "--core", "8", "figures/laptop/zhang2026_fig99.pdf"),
        ("dvc", "rpro"),
        ("python", "workflow/recrod.py"),
    ]
    for program, *words in wrong:
        with pytest.raises((Exception, SystemExit)):
            CHECKS[program](*words)


def test_the_makefile_asks_snakemake_for_rules_without_wildcards() -> None:
    makefile, snakefile = ((ROOT / name).read_text(encoding="utf-8") for name in ("Makefile", "Snakefile"))
    asked = set(re.findall(r"snakemake --cores \S+ (\w+)", makefile))
    assert asked
    assert asked <= set(re.findall(r"^rule (\w+):", snakefile, re.M))
