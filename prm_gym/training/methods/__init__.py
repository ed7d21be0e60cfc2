"""Methods: what a run makes of a batch of verified trajectories. One file each; all run in the same loop (`prm_gym.training.run`).

    policy-gradient      advantages by a credit assigner, `agent.update`
    expert-iteration     the best attempts at every task, `agent.imitate`
    step-preferences     a right and a wrong step in one situation, `agent.prefer`
    correction           policy gradient, and the first wrong step mended with the right beginning kept, `agent.imitate`
    refinement           policy gradient, and second attempts that have read what was wrong with the first, `agent.imitate`

One of your own is a `Method`; put it into `METHODS`, or call it in a loop of your own.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias, cast

from prm_gym.errors import UnknownNameError
from prm_gym.plugins import make, split_options
from prm_gym.training.methods.method import Method, Practice

__all__ = ["METHODS", "Method", "Practice", "make_method"]

MethodFactory: TypeAlias = Callable[..., Method]

METHODS: dict[str, str | MethodFactory] = {
    "correction": "prm_gym.training.methods.correction:Correction",
    "expert-iteration": "prm_gym.training.methods.expert_iteration:ExpertIteration",
    "policy-gradient": "prm_gym.training.methods.policy_gradient:PolicyGradient",
    "refinement": "prm_gym.training.methods.refinement:Refinement",
    "step-preferences": "prm_gym.training.methods.step_preferences:StepPreferences",
}


def make_method(spec: str) -> Method:
    """The method of a specification: a name, with options after a question mark ("expert-iteration?keep=2").

    Raises:
        UnknownNameError: no such method; says the near miss.
        OptionError: an option does not fit.
    """
    name, options = split_options(spec)
    if name not in METHODS:
        raise UnknownNameError("training method", name, METHODS)
    found = METHODS[name]
    if isinstance(found, str):
        module, _, attribute = found.partition(":")
        found = cast("MethodFactory", getattr(import_module(module), attribute))
    return make("training method", name, found, **options)
