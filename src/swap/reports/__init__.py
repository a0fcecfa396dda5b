"""Reports: notebooks that run by themselves, for a period, as the person who scheduled them."""
