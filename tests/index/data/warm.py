"""Imports FAISS of langchain-community, which warns of itself, what LlamaIndex counts tokens with, and SDKs.

A process that is forked from one with all of it has nothing to import but what this leaves out.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import langchain_community.vectorstores.faiss  # noqa: F401
import botocore.session
import openai.resources
import tiktoken
import tiktoken_ext.openai_public  # type: ignore[import-untyped]  # noqa: F401  # it ships no types

import turnout.providers.azure  # noqa: F401

__all__ = ["botocore", "openai", "tiktoken"]
