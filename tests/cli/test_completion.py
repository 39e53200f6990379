"""Completion as shells ask for it: processes that speak click's protocol, and a real bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from semrobust.cli import VERBS
from semrobust.cli.completion import VARIABLE
from semrobust.cli.steps import StepGroup
from semrobust.config.params import Params
from semrobust.pipeline.step import named
from tests.cli.test_help import HEAVY
from tests.conftest import ROOT

PROGRAM = """
import sys
sys.argv = ["semrobust"]
from semrobust.cli import main
try:
    main(prog_name="semrobust")
finally:
    print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""


def asked(line: str, folder: Path = ROOT) -> tuple[list[str], set[str]]:
    """What is offered for the last word of a line, and what had to be imported for it."""
    words = line.split(" ")
    question = {VARIABLE: "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=folder,
        env=os.environ | question,
        capture_output=True,
        text=True,
        check=True,
    )
    offered = [item.partition(",")[2] for item in done.stdout.split()]
    (imported,) = done.stderr.splitlines()  # and nothing else was said
    return offered, set(imported.split())


def test_verbs_and_options() -> None:
    offered, imported = asked("semrobust ")
    assert offered == [*StepGroup(verbs={}).steps(), *VERBS]
    assert not imported & (HEAVY | {"pydantic", "yaml"})
    assert asked("semrobust train --p")[0] == ["--params", "--preset", "--plan"]


def test_systems_are_those_of_the_params_and_their_overlays(params: Params) -> None:
    offered, imported = asked("semrobust train ")
    assert offered == list(params.systems)
    assert not imported & (HEAVY | {"pydantic"})
    overlaid = asked("semrobust evaluate clean --params params.yaml --params params/ci.yaml ladder_")[0]
    assert 0 < len(overlaid) < sum(name.startswith("ladder_") for name in params.systems)


def test_attacks_are_those_that_the_system_leaves_in(params: Params) -> None:
    assert asked("semrobust attack hevc_ldpc_qpsk ")[0] == list(params.attacks)
    chosen = params.systems["deepjscc_surrogate"].attacks
    assert chosen
    assert sorted(asked("semrobust attack deepjscc_surrogate ")[0]) == sorted(chosen)


def test_tables_and_figures() -> None:
    offered, imported = asked("semrobust evaluate table ")
    assert offered == list(named("semrobust.tables", "TABLE"))
    assert not imported & HEAVY
    offered, imported = asked("semrobust figure hu2022_")
    assert offered == [name for name in named("semrobust.figures", "FIGURE") if name.startswith("hu2022_")]
    assert not imported & HEAVY


@pytest.mark.parametrize("content", [None, "systems: [", "systems: 3", "[]", "systems: {x: {grid: 1}}\nattacks: null"])
def test_broken_params_are_passed_over_in_silence(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "params.yaml").write_text(content)
    assert asked("semrobust attack x ", tmp_path)[0] == []


def bash(*lines: str) -> str:
    """What a real bash prints, with the environment's commands first in its path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "--norc", "--noprofile", "-c", "\n".join(lines)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_a_real_bash_completes_after_sourcing_the_script() -> None:
    said = bash(
        'eval "$(semrobust completion bash)"',
        "complete -p semrobust",
        "COMP_WORDS=(semrobust figure zhang2026_fig4); COMP_CWORD=2",
        "_semrobust_completion semrobust",
        'echo "${COMPREPLY[@]}"',
    ).splitlines()
    assert said == ["complete -o nosort -F _semrobust_completion semrobust", "zhang2026_fig4_clean"]


@pytest.mark.parametrize(
    ("shell", "registers"), [("zsh", "compdef _semrobust_completion"), ("fish", "complete --no-f")]
)
def test_scripts_of_other_shells_register_their_function(shell: str, registers: str) -> None:
    script = bash(f"semrobust completion {shell}")
    assert registers in script
    assert f"{VARIABLE}={shell}_complete" in script
