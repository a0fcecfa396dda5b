"""Notebooks as they are read: a document that anybody may have written → HTML of SWAP's own.

`document` keeps what is listed and drops the rest; `outputs` chooses what of an output is shown; `render` writes HTML
in which everything is escaped or cleaned; `room` does all this in a process that has no network, file or credential.
"""
