"""Help answers without the modules behind it: each question is put to a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import cast

import click
import pytest
from click.testing import CliRunner

from semrobust.cli import VERBS, main

HEAVY = {"torch", "numpy", "pandas", "scipy", "numba", "matplotlib", "seaborn", "sionna", "PIL", "pyarrow"}
PARAMS = {"pydantic", "yaml"}
"""Needed to read params: a quarter of a second that no help has to wait for."""

ASK = """
import json, sys
from semrobust.cli import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments, prog_name="semrobust")
    except SystemExit as end:
        assert not end.code, arguments
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def imported(*questions: list[str]) -> set[str]:
    """Top-level packages that a process has imported after these command lines."""
    answer = subprocess.run([sys.executable, "-c", ASK, json.dumps(questions)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return set(json.loads(answer.stderr))


def lines(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every verb with its verbs, as the words of a command line."""
    context = click.Context(group)
    for name in group.list_commands(context):
        yield (*path, name)
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from lines(command, (*path, name))


@pytest.mark.parametrize("question", ["--help", "--version"])
def test_help_reads_neither_the_params_nor_any_heavy_library(question: str) -> None:
    assert not imported([question]) & (HEAVY | PARAMS)


def test_help_of_every_verb_imports_no_heavy_library() -> None:
    questions = [[*line, "--help"] for line in lines(main)]
    assert ["evaluate", "table", "--help"] in questions
    assert not imported(*questions) & HEAVY


@pytest.mark.parametrize("verb", VERBS)
def test_each_line_of_the_help_is_that_of_its_verb(verb: str) -> None:
    command = cast(click.Command, main.get_command(click.Context(main), verb))
    assert command.name == verb
    assert command.help
    assert command.params or isinstance(command, click.Group)
    line = VERBS[verb][1]
    assert line[0].isupper()
    assert line[-1].isalpha()
    assert len(line) <= 60  # one line each in a narrow terminal


def test_a_terminal_shows_plain_characters_for_those_that_it_lacks() -> None:
    """A minus sign must not be lost, nor end a verb with an error."""
    result = CliRunner(charset="latin-1").invoke(main, ["−3 × 10²…✓"])
    assert result.exit_code == 2
    assert "No such command '-3 × 10²...\\u2713'" in result.stderr
