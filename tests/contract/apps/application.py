"""What an application is to the matrix, whichever framework it is written for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.apps.settings import Column
    from turnout_emulator import Emulator
    from turnout_emulator.answers import Queueable

Need = Literal[
    "forced tools",
    "images",
    "objects in pieces",
    "one tool at a time",
    "reasoning",
    "reasoning beside sampling",
    "reasoning beside tools",
    "sampling",
    "seed",
    "stop sequences",
    "strict",
    "top k",
    "user",
]
"""What an application asks of a model that not every model, or not every wire, has."""


class Run(Protocol):
    """An application: makes its models with the factories and asserts what it expects of them."""

    def __call__(self, chat: Callable[..., Any], embeddings: Callable[..., Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Application:
    """One row of the matrix.

    Attributes:
        name: The function's name.
        run: The application.
        needs: What it asks of the model beyond plain answers and tools.
        given: What the service answers, where the application is about an exact answer or a failure.
        by_model: Whether a model's own rules decide about it: the suite runs it on every model's column.
    """

    name: str
    run: Run
    needs: frozenset[Need] = frozenset()
    given: tuple[Queueable, ...] = ()
    by_model: bool = False

    @property
    def title(self) -> str:
        """The row's name in the matrix."""
        return self.name.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Relay:
    """A row about two columns: what was begun on one goes on on the other.

    Attributes:
        name: The row's name.
        begin: Begins on one backend; gives what is handed over.
        go_on: Goes on on another, with what was handed over.
        given: What the service answers at the beginning.
        to_the_next: Whether the suite tries it from each column to the next alone; the matrix tries all pairs.
    """

    name: str
    begin: Callable[[Callable[..., Any], Callable[..., Any]], Any]
    go_on: Callable[[Callable[..., Any], Callable[..., Any], Any], None]
    given: tuple[Queueable, ...] = ()
    to_the_next: bool = False

    @property
    def title(self) -> str:
        """The row's name in the matrix."""
        return self.name.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Models:
    """The models of one column: how an application gets them, whoever's classes they are."""

    chat: Callable[..., Any]
    embeddings: Callable[..., Any]


@dataclass(slots=True)
class Applications:
    """The rows of one framework, in the order in which they are written."""

    rows: dict[str, Application] = field(default_factory=dict)
    relays: dict[str, Relay] = field(default_factory=dict)

    def application(
        self, *needs: Need, given: tuple[Queueable, ...] = (), by_model: bool = False
    ) -> Callable[[Run], Run]:
        """Add the decorated function as a row."""

        def add(run: Run) -> Run:
            name = str(getattr(run, "__name__", run))
            self.rows[name] = Application(name, run, frozenset(needs), given, by_model)
            return run

        return add

    def order(self, modules: list[str]) -> None:
        """Put the rows in the order of the modules that they are in."""
        self.rows = dict(sorted(self.rows.items(), key=lambda row: modules.index(row[1].run.__module__)))

    def relay(
        self,
        name: str,
        begin: Callable[[Callable[..., Any], Callable[..., Any]], Any],
        go_on: Callable[[Callable[..., Any], Callable[..., Any], Any], None],
        given: tuple[Queueable, ...] = (),
        *,
        to_the_next: bool = False,
    ) -> None:
        """Add a row that takes two columns."""
        self.relays[name] = Relay(name, begin, go_on, given, to_the_next)


@dataclass(frozen=True, slots=True)
class Framework:
    """One framework: its applications, and the classes that they can be run with.

    Attributes:
        title: The framework's name.
        applications: The rows.
        turnout: Turnout's classes, the same for every column.
        own: The framework's own classes for a column.
        own_class: What that class is called.
    """

    title: str
    applications: Applications
    turnout: Models
    own: Callable[[Column, Emulator], Models]
    own_class: Callable[[Column], str]
