"""What leaves a `ChatTurnout`: pickles, serialised chains, traces and logs, none with a secret."""

from __future__ import annotations

import logging
import pickle
from typing import TYPE_CHECKING

import pytest
from langchain_core.load import dumpd, load

from turnout.langchain import ChatTurnout, TurnoutEmbeddings
from turnout.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from turnout_emulator import Emulator


def test_a_model_travels_without_secrets(backend: str, settings_file: Path) -> None:
    made = ChatTurnout(settings=load_settings(), max_tokens=20)
    made.invoke("hello")
    data = pickle.dumps(made)
    for secret in (b"turnout-emulator-azure-key", b"turnout-emulator-aws-secret-key", b"sk-turnout"):
        assert secret not in data
        assert secret.decode() not in repr(made) + str(dumpd(made))
    assert pickle.loads(data).invoke("hello").response_metadata["backend"] == backend
    assert isinstance(pickle.loads(pickle.dumps(TurnoutEmbeddings())).embed_query("x"), list)


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_a_serialised_chain_loads_again(backend: str) -> None:
    made = ChatTurnout(max_tokens=20, model="fast")
    again = load(dumpd(made), valid_namespaces=["turnout"], allowed_objects=[ChatTurnout])
    assert isinstance(again, ChatTurnout)
    assert (again.model, again.max_tokens) == ("fast", 20)
    assert again.invoke("hello").content


@pytest.mark.usefixtures("settings_file")
def test_traces_name_the_cloud_and_the_model() -> None:
    params = ChatTurnout(backend="bedrock", temperature=0.2)._get_ls_params()
    assert (params["ls_provider"], params["ls_model_name"], params["ls_temperature"]) == (
        "amazon_bedrock",
        "us.anthropic.claude-sonnet-4-6",
        0.2,
    )


@pytest.mark.usefixtures("settings_file")
def test_logs_hold_no_secret(fresh_emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for name in ("azure", "bedrock", "openai"):
        ChatTurnout(backend=name).invoke("hello")
    for secret in ("turnout-emulator-azure-key", "turnout-emulator-aws-secret-key", "sk-turnout"):
        assert secret not in caplog.text
