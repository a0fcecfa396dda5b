"""The HTTP face of the query spine."""
