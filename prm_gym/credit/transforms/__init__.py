"""Transforms and filters that stand before or after an assigner in a pipeline, and the named algorithms that are made of them.

    assign("posterior_gate|grpo|aem?strength=0.5", batch)

`p_grpo`, `trust_grpo` and `prof_grpo` are the pipelines of the papers of these names, as assigners with the options of their parts.
"""

from prm_gym.credit.transforms.advantages import clip, whiten
from prm_gym.credit.transforms.aem import aem
from prm_gym.credit.transforms.gate import p_grpo, posterior_gate
from prm_gym.credit.transforms.prof import prof, prof_grpo
from prm_gym.credit.transforms.progressive import progressive_shaping
from prm_gym.credit.transforms.trust import trust_grpo, trust_weights
from prm_gym.credit.transforms.zero_variance import zero_variance

__all__ = [
    "aem",
    "clip",
    "p_grpo",
    "posterior_gate",
    "prof",
    "prof_grpo",
    "progressive_shaping",
    "trust_grpo",
    "trust_weights",
    "whiten",
    "zero_variance",
]
