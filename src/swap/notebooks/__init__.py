"""A person's notebooks, as the portal lists, makes and copies them.  Files in a home directory, nothing else."""
