"""`causal-lm`: a causal language model as a policy."""
