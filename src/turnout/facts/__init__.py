"""What is known about models and about the spaces of their vectors. Imports nothing else of turnout but errors."""
