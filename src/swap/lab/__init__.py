"""The extension inside each person's Jupyter server."""
