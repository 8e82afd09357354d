"""An index is only ever searched with the embedding space that made it."""
