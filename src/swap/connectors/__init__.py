"""The sources, one package each, and what they share."""
