"""`causal-lm`: a causal language model as a policy."""

from prm_gym.agents.causal_lm.policy import CausalLMPolicy

__all__ = ["CausalLMPolicy"]
