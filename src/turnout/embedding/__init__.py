"""Texts to vectors, without a framework."""
