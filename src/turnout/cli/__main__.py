"""`python -m turnout.cli`."""

from turnout.cli import main

main()
