"""Measurements against named peers.  Each module prints, last, `<name> <figure>=<value> target=<value> ok|short`."""
