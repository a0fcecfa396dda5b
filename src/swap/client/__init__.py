"""The notebook's side of the gateway."""
