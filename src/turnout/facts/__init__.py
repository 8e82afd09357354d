"""What is known about models, providers and the spaces of vectors."""
