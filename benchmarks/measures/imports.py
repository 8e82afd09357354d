"""Imports in fresh processes: time and memory, and what an answer loads of the other cloud."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.results import Row

if TYPE_CHECKING:
    from benchmarks.measures.bench import Bench

_NOTHING = "nothing"
STATEMENTS = {
    _NOTHING: "pass",
    "turnout": "import turnout",
    "langchain-core's bases": "from langchain_core.language_models import BaseChatModel\n"
    "from langchain_core.embeddings import Embeddings",
    "turnout.langchain": "from turnout.langchain import ChatTurnout, TurnoutEmbeddings",
    "LangChain's four classes": "from langchain_openai import ChatOpenAI, OpenAIEmbeddings\n"
    "from langchain_aws import ChatBedrockConverse, BedrockEmbeddings",
    "llama-index-core's bases": "from llama_index.core.llms.function_calling import FunctionCallingLLM\n"
    "from llama_index.core.embeddings import BaseEmbedding",
    "turnout.llama_index": "from turnout.llama_index import TurnoutLLM, TurnoutEmbedding",
    "LlamaIndex's four classes": "from llama_index.llms.azure_openai import AzureOpenAI\n"
    "from llama_index.embeddings.azure_openai import AzureOpenAIEmbedding\n"
    "from llama_index.llms.bedrock_converse import BedrockConverse\n"
    "from llama_index.embeddings.bedrock import BedrockEmbedding",
    "LiteLLM": "import litellm",
}
_FOR_COMPARISON = ("LangChain's four classes", "LlamaIndex's four classes", "LiteLLM")
_TURNS, _TURNS_FOR_COMPARISON = 9, 3
OF_THE_OTHER = {
    "Azure": ("boto3", "botocore", "langchain_aws", "llama_index.llms.bedrock_converse"),
    "Bedrock": ("openai", "langchain_openai", "azure.identity", "llama_index.llms.openai"),
}
ANSWERS = {
    "turnout.langchain": "from turnout.langchain import ChatTurnout\nChatTurnout(backend={!r}).invoke('Hello')",
    "turnout.llama_index": "from turnout.llama_index import TurnoutLLM\nTurnoutLLM(backend={!r}).complete('Hello')",
}
# Resident memory is read after the clock has stopped: psutil's own import is small, and in every figure.
_MEASURED = """
import sys, time
wall, cpu = time.perf_counter(), time.process_time()
{}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
import psutil
print('figures', wall, cpu, psutil.Process().memory_info().rss / 1e6)
"""


def run(bench: Bench) -> list[Row]:
    """Measure."""
    left_out = {*bench.leave_out, *(_FOR_COMPARISON if bench.quick else ())}
    wanted = {who: statement for who, statement in STATEMENTS.items() if who not in left_out}
    rows = {who: Row("import", "", who) for who in wanted}
    for statement in wanted.values():
        _fresh(_MEASURED.format(statement))  # writes bytecode, fills the page cache
    for turn in range(1 if bench.quick else _TURNS):
        for who, statement in wanted.items():
            if turn >= _TURNS_FOR_COMPARISON and who in _FOR_COMPARISON:
                continue
            line = next(line for line in _fresh(_MEASURED.format(statement)).splitlines() if line.startswith("figures"))
            wall, cpu, memory = map(float, line.split()[1:])
            for name, value in (("wall", wall), ("cpu", cpu), ("rss_mb", memory)):
                rows[who].figures.setdefault(name, []).append(value)
    idle = statistics.median(rows.pop(_NOTHING).figures["rss_mb"])
    for row in rows.values():
        row.figures["mb"] = [most - idle for most in row.figures.pop("rss_mb")]
    return [*rows.values(), *_other_cloud()]


def _other_cloud() -> list[Row]:
    rows = []
    for who, statement in ANSWERS.items():
        for cloud, modules in OF_THE_OTHER.items():
            code = f"{statement.format(cloud.lower())}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
            loaded = set(json.loads(_fresh(code).splitlines()[-1]))
            found = [module for module in modules if module in loaded]
            rows.append(Row("other_cloud", cloud, who, {"modules": [float(len(found))]}, ", ".join(found)))
    return rows


def _fresh(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ,
    )
    if done.returncode:
        msg = f"a fresh process failed: {done.stderr[-2000:]}"
        raise RuntimeError(msg)
    return done.stdout
