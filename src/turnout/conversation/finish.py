"""Why an answer ended, in one vocabulary."""

from __future__ import annotations

FINISH = {
    # Chat Completions
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    # From docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "model_context_window_exceeded": "length",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
    # From docs.anthropic.com/en/api/messages
    "pause_turn": "pause",
    "refusal": "content_filter",
    # Responses
    "completed": "stop",
    "max_output_tokens": "length",
    "failed": "error",
}
"""Each service's finish reason → one of `stop`, `length`, `tool_calls`, `content_filter`, `pause`, `error`."""
