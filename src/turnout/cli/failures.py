"""What a user sees of a failure: one message on stderr that says what to do, and an exit code."""

from __future__ import annotations

import sys

SERVICE_FAILED = 1
YOURS_TO_FIX = 2
INTERRUPTED = 130


class UserError(Exception):
    """What was asked of the command line can't be done; the message says what to change."""


class UnreadableError(Exception):
    """One file can't be read; the message says why. The others can."""


def warn(message: str) -> None:
    """Say something on stderr that doesn't stop the command."""
    print(f"warning: {message}", file=sys.stderr)


def report(error: Exception) -> int:
    """Print an error for its reader.

    Returns:
        The exit code: 2 for what the user can fix, 1 for what a service or turnout itself did.
    """
    from turnout.errors import ModelCallError, TurnoutError
    from turnout.redaction import redact

    message, code = str(error), YOURS_TO_FIX
    if hasattr(error, "format_message"):  # a usage error, of whichever class typer has for it
        place = getattr(getattr(error, "ctx", None), "command_path", "turnout")
        message = f"{error.format_message()} See '{place} --help'."
    elif isinstance(error, ModelCallError):
        code = SERVICE_FAILED
        if error.request_id:
            message += f" (request id {error.request_id})"
    elif not isinstance(error, UserError | TurnoutError):
        code = SERVICE_FAILED
        message = (
            f"unexpected {type(error).__name__}: {redact(message)}\n"
            "This is a fault in turnout or in a package below it; `turnout --debug …` shows where."
        )
    print(f"error: {message}", file=sys.stderr)
    return code
