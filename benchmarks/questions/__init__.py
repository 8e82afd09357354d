"""Questions over this project's own docs with the passage that answers each, made by rule and the same every time.

A passage is a paragraph, list item or table row; its question is its heading and its rarest words, in another order than
in the text. What is measured with it is an index, not a language model: whether the passage is among the nearest.
"""

from benchmarks.questions.make import Pair, pairs, passages
from benchmarks.questions.recall import recall

__all__ = ["Pair", "pairs", "passages", "recall"]
