"""Local Azure, OpenAI, Bedrock Runtime, Mantle, Entra, STS and secret-store endpoints, for demos, notebooks and tests.

It holds no language model: it answers from the context it is given, calls tools and fills schemas by matching words,
and its vectors are lexical. Exact answers and failures can be queued, and what was received can be read.
"""

from turnout_emulator.accounts import Accounts, EntraClient
from turnout_emulator.answers import (
    Answer,
    Cut,
    Failure,
    Raw,
    Reasoning,
    RedactedReasoning,
    Script,
    Text,
    ToolCall,
    Usage,
)
from turnout_emulator.catalogue import AnthropicModel, BedrockModel, OpenAIModel
from turnout_emulator.control import Received
from turnout_emulator.emulator import Emulator, EmulatorError, Endpoint
from turnout_emulator.scripts import Close, Drip, Reset, Wait, Whole

__all__ = [
    "Accounts",
    "Answer",
    "AnthropicModel",
    "BedrockModel",
    "Close",
    "Cut",
    "Drip",
    "Emulator",
    "EmulatorError",
    "Endpoint",
    "EntraClient",
    "Failure",
    "OpenAIModel",
    "Raw",
    "Reasoning",
    "Received",
    "RedactedReasoning",
    "Reset",
    "Script",
    "Text",
    "ToolCall",
    "Usage",
    "Wait",
    "Whole",
]
