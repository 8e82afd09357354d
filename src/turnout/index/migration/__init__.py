"""Moving an index to another embedding space."""
