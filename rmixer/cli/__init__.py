"""The command line: one click command per file, each loaded when it is called."""

from __future__ import annotations

import errno
import importlib
import io
import signal
import sys
import warnings
from types import FrameType
from typing import Any

import click

import rmixer
from rmixer.errors import InputError, PolicyWrong, RunFailed

_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a full disk, which may not name the file."""
COMMANDS = {
    "machine": "measure this machine and show it",
    "models": "list the models",
    "data": "prepare data sets for training, and list them",
    "policies": "list the scheduling policies",
    "profile": "measure the training step of a model",
    "simulate": "predict a workload with one policy",
    "sweep": "predict all policies and keep the best schedule",
    "explain": "say what limits a predicted schedule, and what would help",
    "execute": "train for real, by a schedule or a policy; resume a run",
    "status": "show the progress and the expected end of a run",
    "logs": "show what a job of a run prints",
    "cancel": "cancel a job of a run",
    "add": "add jobs to a run while it goes on",
    "validate": "compare prediction and measurement; check the choice",
    "plot": "draw the figures of a run",
    "report": "write one page about a run: training, schedule, prediction",
    "runs": "list runs with their progress and size on disk",
    "clean": "remove old runs, prepared data or profiles",
    "run": "do all of it: profile, sweep, execute, compare",
}


class Commands(click.Group):
    """Imports a command's module only when that command is called: other stages, and torch, are not
    loaded."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"rmixer.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from rmixer.errors import choice

            raise InputError("rmixer", "command", repr(args[0]), choice(args[0], COMMANDS))
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(rmixer.__version__, prog_name="rmixer")
def rmixer_command() -> None:
    """Train a queue of recommendation models on one server. RMixer measures each model, predicts
    how the jobs run together, chooses the best schedule, trains by it, and shows how good the
    prediction was. Start with `rmixer run WORKLOAD`."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits: 0 done, 1 the run failed, 2 the input was wrong, 130
    interrupted. An error is one message, never a traceback."""
    # A terminated run must end its workers as an interrupted one does, and so must one whose
    # terminal is closed, unless it is to outlive that (nohup).
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)
    warnings.filterwarnings("ignore", category=FutureWarning, module="seaborn")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what its encoding lacks is a question mark
            stream.reconfigure(errors="replace")
    try:
        code: Any = rmixer_command.main(arguments, prog_name="rmixer", standalone_mode=False)
    except (InputError, PolicyWrong) as error:
        code = _tell(f"error: {error}", 2)
    except RunFailed as error:
        code = _tell(f"failed: {error}", 1)
    except OSError as error:
        if error.filename is None and error.errno not in _FULL:  # nothing a user could put right
            raise
        what = "disk full" if error.errno in _FULL else error.strerror
        code = _tell(f"failed: {what}{f': {error.filename}' if error.filename else ''}", 1)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = error.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "rmixer"
        code = _tell(f"error: {command}: {error.format_message()}", error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        code = _tell("interrupted", 130)
    sys.exit(code if isinstance(code, int) else 0)


def _tell(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
