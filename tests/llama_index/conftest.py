"""Places of named indexes."""

from tests.llama_index.places import place  # noqa: F401  # a fixture
