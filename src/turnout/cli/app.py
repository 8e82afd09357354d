"""The commands, and what all of them share: `--version`, `--debug`, errors in words instead of tracebacks."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from turnout import __version__
from turnout.cli import ask, demo, emulator, reindex, routes
from turnout.cli.failures import INTERRUPTED, report


class _Commands(TyperGroup):
    """A group in which no exception reaches the user as a traceback."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().make_context(*args, **kwargs)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:  # noqa: BLE001
            raise typer.Exit(report(error)) from None

    def invoke(self, ctx: Any) -> Any:
        debug = bool(ctx.params.get("debug"))
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")  # an answer may hold what the terminal can't show
        if not debug and not logging.getLogger().handlers:
            # Without a handler, Python prints the libraries' warnings between the lines of an answer.
            logging.getLogger().addHandler(logging.NullHandler())
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:  # noqa: BLE001 - the last place to put it into words
            if debug:
                traceback.print_exc()
            raise typer.Exit(report(error)) from None


def _version(wanted: bool) -> None:
    if wanted:
        print(f"turnout {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="turnout",
    cls=_Commands,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "terminal_width": 100},
)


@app.callback(invoke_without_command=True)
def _turnout(
    ctx: typer.Context,
    debug: Annotated[  # noqa: ARG001 - read by the group
        bool, typer.Option("--debug", help="Show tracebacks and the libraries' warnings.")
    ] = False,
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """One RAG application on Azure OpenAI, Amazon Bedrock or OpenAI: the cloud is a setting.

    Settings come from turnout.toml, .env and the environment; TURNOUT_BACKEND switches the cloud.
    """
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


for command in (ask.ask, routes.routes, reindex.reindex, emulator.emulator, demo.demo):
    app.command()(command)
