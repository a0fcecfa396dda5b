"""The program that combiners are forked from, for whoever starts it and loads nothing of it."""

from __future__ import annotations

from swap.forking import server_of

PROGRAM = server_of("swap.query.execution.combiner_child")
ALLOCATORS = {
    # A combiner's limit counts memory as soon as it can be written to.  So allocators reserve none ahead (Arrow's own
    # takes a gigabyte at once) and give back what is free.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "DUCKDB_JE_MALLOC_CONF": "retain:false",
    "MALLOC_ARENA_MAX": "2",
}
