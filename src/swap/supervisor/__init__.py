"""`swap up`: start everything in order, keep it running, leave nothing behind."""
