"""Vectors at rest, without a framework: chunks, collections, manifest, guard and migration."""
