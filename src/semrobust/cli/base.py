"""What all verbs share: the option `--params`, and errors as one line with an exit code."""

from __future__ import annotations

import codecs
import errno
import gc
import importlib
import io
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from semrobust.config.overlay import PRESETS
from semrobust.errors import SemrobustError, similar
from semrobust.pipeline.files import cannot_write

if TYPE_CHECKING:
    from semrobust.config.params import Params


_PLAIN = {"−": "-", "–": "-", "…": "...", "×": "x", "≤": "<=", "≥": ">=", "∞": "inf", "‖": "||", "²": "^2"}


def _in_plain(error: UnicodeError) -> tuple[str, int]:
    """What a terminal shows in place of characters that its encoding lacks: a minus sign must not be lost."""
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    plain = (_PLAIN.get(each) or each.encode("ascii", "backslashreplace").decode("ascii") for each in lacking)
    return "".join(plain), error.end


codecs.register_error("in_plain", _in_plain)


class Group(click.Group):
    """Imports a verb's module when that verb is called: help and completion answer without any of them.

    `verbs` maps a verb to its module and its line in the help. Errors of ours become one
    message and their exit code; anything else keeps its traceback.
    """

    def __init__(self, *args: Any, verbs: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.verbs = verbs

    def main(self, *args: Any, **kwargs: Any) -> Any:
        gc.set_threshold(100_000)  # else a fifth of the time that importing torch takes
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="in_plain")
        return super().main(*args, **kwargs)

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.verbs)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.verbs:
            return None
        command: click.Command = getattr(importlib.import_module(self.verbs[name][0]), name)
        return command

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(context, arguments)
        except click.UsageError as error:
            near = similar(arguments[0], self.list_commands(context))
            raise click.UsageError(f"{error.message.rstrip('.')}{near}.", context) from error

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.verbs.items()])

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        verbs = [
            CompletionItem(name, help=line) for name, (_, line) in self.verbs.items() if name.startswith(incomplete)
        ]
        return verbs + click.Command.shell_complete(self, context, incomplete)

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except SemrobustError as error:
            failed = error
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            failed = cannot_write(Path(error.filename or Path.cwd()), error)
        except EOFError as error:  # click would take it for a person's Ctrl-D, and hide the bug
            raise RuntimeError("a file ends too early") from error
        click.echo(f"semrobust: {failed}", err=True)
        return context.exit(failed.exit_code)


def load(files: tuple[Path, ...]) -> Params:
    """Load the params of a verb."""
    from semrobust.config.params import load  # with pydantic: three times as long as everything that help needs

    return load(files)


def columns(lines: list[list[str]], left: int = 1) -> None:
    """Print aligned columns, the first `left` ones to the left."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        names = map(str.ljust, line[:left], widths[:left])
        click.echo("  ".join([*names, *map(str.rjust, line[left:], widths[left:])]))


_WHOLE = Path("params.yaml")
_PRESET = "semrobust.preset"  # where click keeps the files of a preset

C = TypeVar("C", bound=Callable[..., Any])


def _presets() -> list[str]:
    """Names of the overlays in params/, and of the run in params.yaml."""
    return ["laptop", *sorted(path.stem for path in PRESETS.glob("*.yaml"))]


def _preset(context: click.Context, _: click.Parameter, name: str | None) -> None:
    """Keep the files that a preset stands for, for `_files`."""
    if name is None:
        return
    overlay = PRESETS / f"{name}.yaml"
    if name != "laptop" and not overlay.is_file():
        known = _presets()
        raise click.BadParameter(f"'{name}'{similar(name, known)} is none of {', '.join(known)}.")
    context.meta[_PRESET] = (_WHOLE,) if name == "laptop" else (_WHOLE, overlay)


def _files(context: click.Context, parameter: click.Parameter, given: tuple[Path, ...]) -> tuple[Path, ...]:
    """The files of the preset, and over them those that were given; params.yaml if neither was."""
    preset: tuple[Path, ...] = context.meta.get(_PRESET, ())
    return (*preset, *given) or (_WHOLE,)


def clock(seconds: float) -> str:
    """A duration in the unit that fits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def by_default(context: click.Context) -> bool:
    """Whether a verb was not told which params it is about."""
    given = context.get_parameter_source("files") is not click.core.ParameterSource.DEFAULT
    return not given and _PRESET not in context.meta


def params_files(command: C) -> C:
    """The options that say which params a verb is about; they reach it as `files`."""
    command = click.option(
        "--params",
        "files",
        multiple=True,
        type=click.Path(path_type=Path),
        callback=_files,
        help="Params file, over a preset if one is given; repeat it to overlay.  [default: params.yaml]",
    )(command)
    return click.option(
        "--preset",
        is_eager=True,
        expose_value=False,
        callback=_preset,
        shell_complete=lambda *_: _presets(),
        help="Params by name: laptop (params.yaml), or an overlay of params/, such as demo.",
    )(command)
