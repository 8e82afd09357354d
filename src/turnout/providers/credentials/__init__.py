"""Which credential a backend uses, and why."""

from turnout.providers.credentials.base import Chosen

__all__ = ["Chosen"]
