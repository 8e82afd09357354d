"""Which credential a backend uses, and why."""

from turnout.credentials.base import Chosen

__all__ = ["Chosen"]
