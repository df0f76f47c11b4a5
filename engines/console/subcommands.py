"""Programs of several commands: which one is meant, and the help that lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engines.console.arguments import HELP, did_you_mean
from engines.console.help_page import filled, table
from engines.console.standard_output import write_help
from engines.types.errors import UsageError


def choose(
    words: Sequence[str], commands: Mapping[str, str], prog: str, description: str
) -> tuple[str, Sequence[str]]:
    """The command and its own words; UsageError where there is none, SystemExit after help.

    commands: what each of them does, by name.
    """
    name = words[0] if words else ""
    if name in HELP:
        usage = f"usage: {prog} COMMAND [options]"
        listed = f"Commands:\n{table(list(commands.items()))}"
        more = f"{prog} COMMAND --help lists the options of a command."
        write_help("\n\n".join([usage, *filled(description), listed, *filled(more)]) + "\n")
        raise SystemExit(0)
    if not name:
        raise UsageError(
            f"A command is required: {', '.join(commands)}; {prog} --help describes them."
        )
    if name not in commands:
        more = f"{prog} --help lists all commands."
        raise UsageError(f"There is no command {name!r}; {did_you_mean(name, commands, more)}")
    return name, words[1:]
