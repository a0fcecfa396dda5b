"""Start a server for a person: what it is told, and nothing more."""
