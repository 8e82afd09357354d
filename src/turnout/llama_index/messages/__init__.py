"""LlamaIndex's messages: read as turns, and written as the messages that a wire's class takes."""
