"""What is asked of whom: names get their meaning, sources their fragments, the combiner its statement."""
