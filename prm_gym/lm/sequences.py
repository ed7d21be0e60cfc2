"""Token sequences: the steps of an episode that share one context, as they were sampled and as they are trained on."""

from dataclasses import dataclass
from typing import NamedTuple

from prm_gym.errors import ContractError


class ActionSpan(NamedTuple):
    """The tokens of an action in a sequence: ids[start:stop], its end token included.

    Attributes:
        row: of the step in its `StepBatch`.
        start: place of the first token, >= 1: something stands before it that it is predicted from.
        stop: place after the last one, > start.
    """

    row: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """As many steps of an episode as share one context: one forward pass reads them all.

    Attributes:
        ids: [L], the tokens of everything that was seen and written.
        actions: where the actions are, in order, without overlap.
        logprobs: for each action the log-probability of each of its tokens when it was sampled, or None where that is not known.
        choices: for each action, for each of its tokens, the tokens that it was drawn among, where the action was chosen from a list; None where it was
            written freely. Empty where all were. A token that was the only choice has the log-probability 0.
    """

    ids: tuple[int, ...]
    actions: tuple[ActionSpan, ...]
    logprobs: tuple[tuple[float, ...] | None, ...]
    choices: tuple[tuple[tuple[int, ...], ...] | None, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        end = 1
        for span in self.actions:
            if not end <= span.start < span.stop <= len(self.ids):
                raise ContractError(f"the actions of a sequence of {len(self.ids)} tokens follow one another from token 1 on, got {span}")
            end = span.stop
        if len(self.logprobs) != len(self.actions) or (self.choices and len(self.choices) != len(self.actions)):
            raise ContractError(f"a sequence of {len(self.actions)} actions has {len(self.logprobs)} entries of logprobs and {len(self.choices)} of choices")
        for at, span in enumerate(self.actions):
            for name, each in (("logprobs", self.logprobs[at]), ("choices", self.choices[at] if self.choices else None)):
                if each is not None and len(each) != span.stop - span.start:
                    raise ContractError(f"{name} of an action of {span.stop - span.start} tokens has {len(each)} entries")
            for token, choice in zip(self.ids[span.start : span.stop], (self.choices[at] or ()) if self.choices else (), strict=False):
                if token not in choice:
                    raise ContractError(f"token {token} is not among those that it is said to be chosen from")
