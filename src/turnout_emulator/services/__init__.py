"""The services: their paths, what they authenticate, and the form of their errors."""
