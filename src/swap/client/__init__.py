"""The notebook's side of the gateway.  Needs pyarrow, and that only for rows; knows no server code."""
