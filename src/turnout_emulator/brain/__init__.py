"""The emulator's stand-in for a model: it reads, matches words and fills forms; it understands nothing."""
