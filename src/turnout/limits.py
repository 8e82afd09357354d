"""Limits of a deployment, divided among processes."""

from turnout.calls.limits import divide

__all__ = ["divide"]
