"""Imports FAISS of langchain-community, which warns of itself, and what LlamaIndex counts tokens with."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import langchain_community.vectorstores.faiss  # noqa: F401
import tiktoken
import tiktoken_ext.openai_public  # type: ignore[import-untyped]  # noqa: F401  # it ships no types

import turnout.providers.azure  # noqa: F401

__all__ = ["tiktoken"]
