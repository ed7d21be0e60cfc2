"""Search at test time: more attempts, steps and looks of a verifier for a better answer, over any agent, any verifier and any environment.

with Searcher("mixed:0.6", "prm_gym/Countdown-v0", verifier="arithmetic") as searcher:
    results = searcher.search("beam?width=4", seeds=range(100), budget=Budget(agent_steps=64))

best-of-n                    the verifier's favourite of independent attempts
majority, weighted-majority  the answer that most attempts come to
refined-best-of-n            wrong steps are taken back and continued from before them
beam                         the best states after every step; early rejection of partial steps
prune                        attempts are given up at their first bad step
mcts, rest-mcts, omega       trees: UCT and PUCT, ReST-MCTS*, OmegaPRM's selection
smc                          particles with resampling
speculative                  a small agent drafts, a large one writes what is not accepted

A method is chosen by its verifier's scores alone: no outcome, no gold answer. Verifiers, though, may see the sealed part of a task; what a search with a
formal verifier reaches is what a perfect critic would give.
"""

from prm_gym.drafting import Draft, DraftingAgent
from prm_gym.search.attempts import BestOfN
from prm_gym.search.beam import Beam
from prm_gym.search.budget import Budget, Ledger, Spent, Unit
from prm_gym.search.mcts import Mcts
from prm_gym.search.method import METHODS, Choice, SearchMethod, Tree, Valuation, make_method
from prm_gym.search.node import Asking, Begin, Expand, Node, Take, begin, play_out, reach
from prm_gym.search.omega import Omega
from prm_gym.search.pruning import Prune
from prm_gym.search.refined import RefinedBestOfN
from prm_gym.search.rest_mcts import RestMcts
from prm_gym.search.result import Candidate, SearchResult
from prm_gym.search.searcher import Searcher
from prm_gym.search.smc import ParticleFilter
from prm_gym.search.speculative import Speculative
from prm_gym.search.voting import Majority, WeightedMajority, answer_of

__all__ = [
    "METHODS",
    "Asking",
    "Beam",
    "Begin",
    "BestOfN",
    "Budget",
    "Candidate",
    "Choice",
    "Draft",
    "DraftingAgent",
    "Expand",
    "Ledger",
    "Majority",
    "Mcts",
    "Node",
    "Omega",
    "ParticleFilter",
    "Prune",
    "RefinedBestOfN",
    "RestMcts",
    "SearchMethod",
    "SearchResult",
    "Searcher",
    "Speculative",
    "Spent",
    "Take",
    "Tree",
    "Unit",
    "Valuation",
    "WeightedMajority",
    "answer_of",
    "begin",
    "make_method",
    "play_out",
    "reach",
]
