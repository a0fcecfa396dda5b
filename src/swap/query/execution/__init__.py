"""While it runs: its turn, its sources, its combiner."""
