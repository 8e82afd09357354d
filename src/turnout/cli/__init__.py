"""The `turnout` command.

Importing this loads no framework and no SDK; a command loads what it uses.
"""


def main() -> None:
    """Run the command line and exit with its code: 0, 1 (a service failed), 2 (yours to fix) or 130 (Ctrl-C)."""
    from turnout.cli.app import app

    app(prog_name="turnout")
