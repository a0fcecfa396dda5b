"""SWAP in a notebook: ask all stores one question in one SQL statement."""
