"""The verb that prints a shell's completion script."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

VARIABLE = "_SEMROBUST_COMPLETE"
"""The variable through which the script asks; click derives the same name from the program's."""


@click.command(
    epilog="""\b
bash: eval "$(semrobust completion bash)" in ~/.bashrc
zsh:  eval "$(semrobust completion zsh)" in ~/.zshrc, after compinit
fish: semrobust completion fish > ~/.config/fish/completions/semrobust.fish"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script with which SHELL completes verbs, options, systems, attacks, tables and figures."""
    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(context.find_root().command, {}, "semrobust", VARIABLE).source())
