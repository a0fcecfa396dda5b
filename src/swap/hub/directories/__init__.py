"""Where people come from: one file for each kind of directory, behind the protocol in `base`."""
