"""The rules, one in each file; `policy.decide.RULES` says in which order they are asked."""
