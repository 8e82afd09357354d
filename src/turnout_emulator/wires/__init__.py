"""The protocols: how a request body is read and checked, and how an answer is written, whole or as a stream."""
