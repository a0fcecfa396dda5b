"""People, their ids, sign-ins, tokens and revocation."""
