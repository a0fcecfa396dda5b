"""The HTTP face of queries: for kernels, Jupyter servers and the portal, on loopback."""
