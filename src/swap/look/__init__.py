"""What every page shares: frame, icons, styles."""
