"""Whose endpoint, credential and client: a file for each provider."""
