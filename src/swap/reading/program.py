"""The program from which processes are forked that read notebooks.  Apart: who only plans it loads nothing else."""

from __future__ import annotations

from typing import Final

from swap.forking import server_of

PROGRAM: Final = server_of("swap.reading.child", needs={"pygments"})
READING: Final = "reading"
"""The name of its cell, where people have walls."""
