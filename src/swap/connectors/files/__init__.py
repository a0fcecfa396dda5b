"""Directories of Parquet as a source, from their connector to their layout."""
