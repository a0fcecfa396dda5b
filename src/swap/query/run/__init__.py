"""What a person is told of a query: its stages, what is left, and why it failed."""
