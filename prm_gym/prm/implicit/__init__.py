"""Implicit process rewards: beta times the log-ratio of two causal language models over the tokens of a step; scored, and trained from outcomes alone."""
