"""A HiveServer2 as a source, from its connector down to the bytes of its protocol."""
