"""What a person wrote: what it may be made of, and reading it."""
