"""What builds walls, as root: around a person's server by a program of its own, around SWAP's programs from within.

Nothing but the standard library.
"""
