"""What a named index knows of its collections, and its locks: in a file, or in the database that the index is in."""
