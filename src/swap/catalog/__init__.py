"""What there is to query, as each person may see it."""
