"""The straight line of a query, one module per step."""
