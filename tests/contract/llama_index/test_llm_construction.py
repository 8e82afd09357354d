"""Made from settings alone, seen from outside, and moved between processes."""

from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core import Settings
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.function_calling import FunctionCallingLLM
from pydantic import ValidationError

from tests.contract.llama_index.llama_parts import FRANCE, service_of
from tests.support.parts import chats
from turnout.errors import UnknownBackendError, UnknownRouteError
from turnout.llama_index import TurnoutLLM
from turnout.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator

pytestmark = pytest.mark.usefixtures("backend")


def secrets_of(settings_file: Path) -> list[str]:
    """The values in the settings file that nobody else may see."""
    names = ("api_key", "secret_access_key")
    lines = settings_file.read_text(encoding="utf-8").splitlines()
    return [line.split('"')[1] for line in lines if line.startswith(names)]


def test_is_a_function_calling_llm() -> None:
    llm = TurnoutLLM()
    assert isinstance(llm, FunctionCallingLLM)
    assert llm.class_name() == "TurnoutLLM"


def test_settings_alone_choose_the_backend(backend: str, fresh_emulator: Emulator) -> None:
    TurnoutLLM().chat([ChatMessage(FRANCE)])
    (received,) = chats(fresh_emulator)
    assert received.service == service_of(backend)
    assert ("/deployments/" in received.path) == (backend == "azure_dated")


def test_a_changed_variable_is_seen_by_the_next_call(fresh_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    llm = TurnoutLLM()
    for name in ("bedrock", "openai", "azure"):
        monkeypatch.setenv("TURNOUT_BACKEND", name)
        answer = llm.chat([ChatMessage(FRANCE)])
        assert answer.additional_kwargs["backend"] == name
    assert [received.service for received in chats(fresh_emulator)] == ["bedrock", "openai", "azure"]


def test_one_call_on_another_backend(backend: str, fresh_emulator: Emulator) -> None:
    other = "openai" if backend == "bedrock" else "bedrock"
    llm = TurnoutLLM()
    llm.chat([ChatMessage(FRANCE)], backend=other)
    llm.complete(FRANCE, backend=other, model="fast")
    list(llm.stream_chat([ChatMessage(FRANCE)], model=f"{other}:{_direct(other)}"))
    llm.chat([ChatMessage(FRANCE)])
    services = [received.service for received in chats(fresh_emulator)]
    assert services == [service_of(other)] * 3 + [service_of(backend)]


def _direct(backend: str) -> str:
    return {"bedrock": "us.amazon.nova-lite-v1:0", "openai": "gpt-4o"}[backend]


def test_another_route(backend: str, fresh_emulator: Emulator) -> None:
    answer = TurnoutLLM("fast").chat([ChatMessage(FRANCE)])
    (received,) = chats(fresh_emulator)
    wanted = {"bedrock": "amazon.nova-micro-v1:0", "openai": "gpt-5-mini"}.get(backend, "mini")
    assert received.model == wanted
    assert answer.additional_kwargs["deployment"] == wanted


def test_metadata_comes_from_the_facts(backend: str) -> None:
    metadata = TurnoutLLM(max_tokens=77).metadata
    assert metadata.is_chat_model
    assert metadata.is_function_calling_model
    assert metadata.context_window == (1_000_000 if backend == "bedrock" else 272_000)
    assert metadata.num_output == 77


def test_metadata_of_an_unlisted_name_does_not_raise(backend: str) -> None:
    metadata = TurnoutLLM(f"{backend}:us.someone.brand-new-model").metadata
    assert metadata.model_name == "us.someone.brand-new-model"
    assert metadata.context_window > 0


def test_no_secret_in_what_it_shows(settings_file: Path) -> None:
    llm = TurnoutLLM(settings=load_settings(), temperature=0.3)
    shown = [repr(llm), str(llm), json.dumps(llm.to_dict()), llm.to_json(), str(llm.to_payload()), str(vars(llm))]
    secrets = secrets_of(settings_file)
    assert len(secrets) >= 4
    for text in shown:
        assert not [secret for secret in secrets if secret in text]


def test_pickle_works_on_the_other_side(settings_file: Path, fresh_emulator: Emulator) -> None:
    llm = TurnoutLLM(settings=load_settings(), max_tokens=50, system_prompt="Be brief.")
    pickled = pickle.dumps(llm)
    for secret in secrets_of(settings_file):
        assert secret.encode() not in pickled
    assert llm.settings is load_settings()  # untouched by being pickled
    other = pickle.loads(pickled)
    assert (other.max_tokens, other.system_prompt) == (50, "Be brief.")
    assert "Paris" in str(other.chat([ChatMessage(FRANCE)]))


def test_dict_works_on_the_other_side() -> None:
    llm = TurnoutLLM("fast", temperature=0.1, additional_kwargs={"user": "ada"})
    other = TurnoutLLM.from_dict(json.loads(json.dumps(llm.to_dict())))
    assert isinstance(other, TurnoutLLM)
    assert (other.model, other.temperature, other.additional_kwargs) == ("fast", 0.1, {"user": "ada"})
    assert other.to_dict() == llm.to_dict()


def test_copies_answer() -> None:
    for other in (copy.copy(TurnoutLLM()), copy.deepcopy(TurnoutLLM()), TurnoutLLM().model_copy()):
        assert "Paris" in str(other.complete(FRANCE))


def test_accepted_by_settings() -> None:
    Settings.llm = TurnoutLLM()
    try:
        assert "Paris" in str(Settings.llm.complete(FRANCE))
    finally:
        Settings._llm = None


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": 3}, {"max_tokens": 0}, {"top_p": 2}, {"timeout": -1}, {"max_retries": 99}, {"temprature": 0.5}],
)
def test_a_wrong_argument_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        TurnoutLLM(**wrong)


def test_unknown_route_and_backend_send_nothing(fresh_emulator: Emulator) -> None:
    with pytest.raises(UnknownRouteError, match="fastt"):
        TurnoutLLM("fastt").complete("Hello")
    with pytest.raises(UnknownBackendError, match="azzure"):
        TurnoutLLM().complete("Hello", backend="azzure")
    assert fresh_emulator.requests == []
