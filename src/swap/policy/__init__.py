"""Rights: what may be done to what, by whom, and why."""
