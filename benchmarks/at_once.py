"""Many async chats at once: turnout beside the framework's own class, alternating in one run, against the emulator.

`python -m benchmarks.at_once` prints a Markdown table. Figures are ratios of medians on this machine; the server is
the emulator in a process of its own, answering after a fixed delay.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SERVER = """
import json, sys, time
from turnout.emulator import Emulator
with Emulator(delay=float(sys.argv[1])) as emulator:
    print(json.dumps({"azure": emulator.azure.url, "bedrock": emulator.bedrock.url,
                      "settings": emulator.settings_toml()}), flush=True)
    sys.stdin.read()
"""


async def _at_once(call: Callable[[], Awaitable[Any]], calls: int) -> float:
    started = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(calls)))
    return time.perf_counter() - started


def _contenders(addresses: dict[str, str]) -> dict[str, dict[str, Callable[[], Callable[[], Awaitable[Any]]]]]:
    import boto3
    from botocore.config import Config
    from langchain_aws import ChatBedrockConverse
    from langchain_openai import ChatOpenAI

    from turnout.emulator.accounts import AWS_ACCESS_KEY, AWS_SECRET_KEY, AZURE_KEY
    from turnout.langchain import ChatTurnout
    from turnout.llama_index import TurnoutLLM

    def azure() -> Callable[[], Awaitable[Any]]:
        model = ChatOpenAI(model="gpt-5-prod", base_url=f"{addresses['azure']}/openai/v1/", api_key=AZURE_KEY)  # type: ignore[arg-type]
        return lambda: model.ainvoke("Hello")

    def bedrock() -> Callable[[], Awaitable[Any]]:
        client = boto3.client(
            "bedrock-runtime",
            endpoint_url=addresses["bedrock"],
            region_name="us-east-1",
            aws_access_key_id=AWS_ACCESS_KEY,
            aws_secret_access_key=AWS_SECRET_KEY,
            config=Config(max_pool_connections=1000),
        )
        model = ChatBedrockConverse(model="us.amazon.nova-lite-v1:0", client=client, bedrock_client=client)
        return lambda: model.ainvoke("Hello")

    def ours(backend: str) -> Callable[[], Callable[[], Awaitable[Any]]]:
        return lambda: lambda: ChatTurnout(backend=backend).ainvoke("Hello")

    def ours_in_llama_index(backend: str) -> Callable[[], Callable[[], Awaitable[Any]]]:
        return lambda: lambda: TurnoutLLM(backend=backend).acomplete("Hello")

    return {
        "Azure": {
            "framework's class": azure,
            "turnout": ours("azure"),
            "turnout, LlamaIndex": ours_in_llama_index("azure"),
        },
        "Bedrock": {
            "framework's class": bedrock,
            "turnout": ours("bedrock"),
            "turnout, LlamaIndex": ours_in_llama_index("bedrock"),
        },
    }


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--calls", type=int, default=200, help="chats at once")
    parser.add_argument("--delay", type=float, default=0.1, help="seconds that the server takes to answer")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(asked.delay)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        addresses = json.loads(server.stdout.readline())
        settings = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"turnout-bench-{os.getpid()}.toml")
        with open(settings, "w", encoding="utf-8") as file:
            file.write(addresses["settings"])
        os.environ["TURNOUT_CONFIG"] = settings
        print(
            f"{asked.calls} async chats at once, answered after {asked.delay * 1000:.0f} ms, median of {asked.rounds}\n"
        )
        print("| | | seconds | times as fast |\n|---|---|---|---|")
        for cloud, makers in _contenders(addresses).items():
            times: dict[str, list[float]] = {name: [] for name in makers}

            async def rounds(makers: Any = makers, times: Any = times) -> None:
                calls = {name: make() for name, make in makers.items()}
                for call in calls.values():
                    await call()
                for _ in range(asked.rounds):
                    for name, call in calls.items():
                        times[name].append(await _at_once(call, asked.calls))

            asyncio.run(rounds())
            base = statistics.median(times["framework's class"])
            for name, seconds in times.items():
                median = statistics.median(seconds)
                print(f"| {cloud} | {name} | {median:.2f} | {base / median:.1f} |")
        os.unlink(settings)
    finally:
        server.communicate("")


if __name__ == "__main__":
    main()
