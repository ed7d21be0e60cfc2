"""Good steps that are kept, found again by what is seen, and shown to agents as examples.

library = ExperienceLibrary.from_trajectories(read_trajectories("good.jsonl"))
agent = ExperiencedAgent(make_agent("openai:MODEL"), library)

Source: after TRAD (Zhou et al. 2024, arXiv:2403.06221: step-wise retrieval of demonstrations, with the steps around them) and SLEA-RL (step-level experience
whose library grows by score and is bounded); what differs stands where it is done.
"""

from prm_gym.experience.agent import ExperiencedAgent
from prm_gym.experience.library import Experience, ExperienceLibrary, PastPair
from prm_gym.experience.showing import shown_examples

__all__ = ["Experience", "ExperienceLibrary", "ExperiencedAgent", "PastPair", "shown_examples"]
