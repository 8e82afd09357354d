"""The integrations' classes, and what is not public in them: overridden or called here and nowhere else."""
