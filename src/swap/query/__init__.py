"""Queries, from a statement's text to rows in the spool; `service.run` is the spine."""
