"""Which credential a backend uses, and why."""
