"""What an application is to the matrix, whichever framework it is written for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnout.emulator.answers import Queueable

Need = Literal["forced tools", "images", "one tool at a time", "sampling", "seed", "stop sequences"]
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
    """

    name: str
    run: Run
    needs: frozenset[Need] = frozenset()
    given: tuple[Queueable, ...] = ()

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
    """

    name: str
    begin: Callable[[Callable[..., Any]], Any]
    go_on: Callable[[Callable[..., Any], Any], None]
    given: tuple[Queueable, ...] = ()

    @property
    def title(self) -> str:
        """The row's name in the matrix."""
        return self.name.replace("_", " ")


@dataclass(slots=True)
class Applications:
    """The rows of one framework, in the order in which they are written."""

    rows: dict[str, Application] = field(default_factory=dict)
    relays: dict[str, Relay] = field(default_factory=dict)

    def application(self, *needs: Need, given: tuple[Queueable, ...] = ()) -> Callable[[Run], Run]:
        """Add the decorated function as a row."""

        def add(run: Run) -> Run:
            name = str(getattr(run, "__name__", run))
            self.rows[name] = Application(name, run, frozenset(needs), given)
            return run

        return add

    def relay(
        self,
        name: str,
        begin: Callable[[Callable[..., Any]], Any],
        go_on: Callable[[Callable[..., Any], Any], None],
        given: tuple[Queueable, ...] = (),
    ) -> None:
        """Add a row that takes two columns."""
        self.relays[name] = Relay(name, begin, go_on, given)
