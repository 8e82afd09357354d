"""Named indexes whose processes are killed at random moments; `python -m tests.kills` (`make kills`) runs it."""
