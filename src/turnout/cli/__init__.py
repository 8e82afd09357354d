"""The `turnout` command.

Importing this loads no framework and no SDK; a command loads what it uses.
"""


def main() -> None:
    """Run the command line and exit with its code: 0, 1 (a service failed), 2 (yours to fix) or 130 (Ctrl-C)."""
    import os
    import sys

    from turnout.cli.app import app

    try:
        app(prog_name="turnout")
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:  # nobody reads it any more: the interpreter needn't try again, and complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
