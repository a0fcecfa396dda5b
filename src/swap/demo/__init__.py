"""The demo: invented Wikimedia data, one real data set, three people.  Made once, from a fixed seed."""
