"""`turnout emulator`: local Azure OpenAI, Bedrock and OpenAI endpoints, in the foreground."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated, Any

import typer

from turnout.cli.failures import UserError
from turnout.errors import MissingExtraError

if TYPE_CHECKING:
    from turnout_emulator import Emulator

_SERVICES = ("azure", "bedrock", "openai", "entra", "sts")


def emulator(
    port: Annotated[
        int,
        typer.Option(min=0, max=65531, metavar="N", help="The first of five ports in a row; 0 for any that are free."),
    ] = 8900,
    delay: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Wait before each answer.")] = 0.0,
    chunk_delay: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Wait between the pieces of a stream.")
    ] = 0.0,
) -> None:
    """Run local Azure OpenAI, Bedrock and OpenAI endpoints until Ctrl-C.

    It prints the settings that lead there. It is no language model: it answers with sentences of the context
    that it is given.
    """
    ports = {} if port == 0 else {name: port + position for position, name in enumerate(_SERVICES)}
    running = start(ports=ports, delay=delay, chunk_delay=chunk_delay)
    try:
        print(_instructions(running), flush=True)
        threading.Event().wait()
    finally:
        running.stop()


def start(**options: Any) -> Emulator:
    """A running emulator.

    Raises:
        MissingExtraError: It isn't installed.
        UserError: A port is taken.
    """
    try:
        from turnout_emulator import Emulator, EmulatorError
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"the emulator needs {error.name}: pip install 'turnout[emulator]'") from error
    try:
        return Emulator(**options).start()
    except EmulatorError as error:
        raise UserError(f"{error} (--port N; --port 0 takes ports that are free)") from error


def _instructions(running: Emulator) -> str:
    from turnout_emulator.catalogue import AZURE_DEPLOYMENTS

    variables: dict[str, str] = {}
    for target in ("azure", "bedrock", "openai"):
        variables |= running.environment(target)
    chat = next(name for name, model in AZURE_DEPLOYMENTS.items() if "embedding" not in model)
    embedding = next(name for name, model in AZURE_DEPLOYMENTS.items() if model == "text-embedding-3-small")
    variables |= {"AZURE_OPENAI_DEPLOYMENT": chat, "AZURE_OPENAI_EMBEDDING_DEPLOYMENT": embedding}
    exports = "\n".join(f"export {name}={value}" for name, value in variables.items())
    return f"""\
# The emulator runs; Ctrl-C stops it. It is no language model: it answers with sentences of its context.
# Save this as turnout.toml (its keys open nothing but the emulator):

{running.settings_toml().rstrip()}

# Or set these, with no file at all; TURNOUT_BACKEND is azure, bedrock or openai:

export TURNOUT_BACKEND=azure
{exports}"""
