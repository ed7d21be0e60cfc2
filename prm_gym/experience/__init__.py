"""Good steps that are kept, found again by what is seen, and shown to agents as examples.

library = ExperienceLibrary.from_trajectories(read_trajectories("good.jsonl"))
agent = ExperiencedAgent(make_agent("openai:MODEL"), library)

Source: after TRAD (Zhou et al. 2024, arXiv:2403.06221: retrieval of demonstrations step by step, shown with the steps around them) and SLEA-RL (Wang and
Jiang 2026, arXiv:2603.18079: retrieval at every step by what is seen, from a library that lets in by score and at a limited rate). What differs: steps are
alike by the words of what was seen, not by a model's thoughts (TRAD) or clusters of observations (SLEA-RL); steps are kept as they were taken, and no model
distils strategies or failures from them; SLEA-RL's policy optimization is left to `prm_gym.credit`.
"""

from prm_gym.experience.agent import ExperiencedAgent
from prm_gym.experience.library import Experience, ExperienceLibrary, PastPair
from prm_gym.experience.showing import shown_examples

__all__ = ["Experience", "ExperienceLibrary", "ExperiencedAgent", "PastPair", "shown_examples"]
