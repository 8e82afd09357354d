"""An emulator that has every model, and both frameworks to ask it with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.rules.asking import WAYS, Asking
from tests.support.frameworks import FRAMEWORKS
from turnout_emulator import Emulator, catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def services() -> Iterator[Emulator]:
    """An emulator whose Azure resource has a deployment of every model, under the model's name, and one more."""
    deployments = {name: name for name in (*catalogue.OPENAI_MODELS, *catalogue.ANTHROPIC_MODELS)}
    deployments |= {"my-own": "gpt-4.1", "cohere-english": "Cohere-embed-v3-english"}
    with Emulator(deployments=deployments) as emulator:
        yield emulator


@pytest.fixture(params=[(framework, way) for framework in FRAMEWORKS for way in WAYS], ids="-".join)
def asking(services: Emulator, request: pytest.FixtureRequest) -> Asking:
    """Each framework, whole on a thread and streamed on an event loop."""
    return Asking(services, *request.param)
