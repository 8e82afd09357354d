"""What importing loads, and what is said where something is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

SDKS = (
    "openai",
    "boto3",
    "botocore",
    "azure.identity",
    "llama_index.llms.",
    "llama_index.embeddings.",
    "langchain_core",
)


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_by(code: str) -> list[str]:
    listed = run(f"{code}\nimport sys\nprint(*sys.modules)").split()
    return [
        name for name in listed if (f"{name}.").startswith(tuple(sdk.removesuffix(".") + "." for sdk in SDKS[:4]))
    ] + [name for name in listed if name.startswith(SDKS[4:])]


def test_importing_loads_no_sdk() -> None:
    assert loaded_by("import turnout.llama_index") == []


def test_constructing_loads_no_sdk() -> None:
    made = "from turnout.llama_index import TurnoutLLM, TurnoutEmbedding\nTurnoutLLM().metadata\nTurnoutEmbedding()"
    assert loaded_by(made) == []


def test_the_check_itself_sees_an_sdk() -> None:
    assert loaded_by("import openai")
    assert loaded_by("import llama_index.llms.openai")


def test_a_missing_framework_names_the_extra() -> None:
    said = run(
        "import sys\n"
        "sys.modules['llama_index'] = None\n"
        "from turnout.errors import MissingExtraError\n"
        "try:\n"
        "    import turnout.llama_index\n"
        "except MissingExtraError as error:\n"
        "    assert isinstance(error, ImportError)\n"
        "    print(error)\n"
    )
    assert "pip install 'turnout[llama-index]'" in said


def test_a_missing_integration_names_the_extra() -> None:
    said = run(
        "import sys\n"
        "sys.modules['llama_index.llms.openai'] = None\n"
        "from turnout.errors import MissingExtraError\n"
        "from turnout.llama_index import TurnoutLLM\n"
        "from turnout.settings import Settings\n"
        "settings = Settings.model_validate({\n"
        "    'backends': {'openai': {'provider': 'openai', 'api_key': 'k'}},\n"
        "    'chat': {'default': {'openai': 'gpt-5'}},\n"
        "})\n"
        "try:\n"
        "    TurnoutLLM(settings=settings).complete('Hello.')\n"
        "except MissingExtraError as error:\n"
        "    print(error)\n"
    )
    assert "backend 'openai' needs llama_index.llms.openai: pip install 'turnout[llama-index]'" in said
