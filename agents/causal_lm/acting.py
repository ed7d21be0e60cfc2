"""How a policy comes to its actions: it writes them token by token, here or on a server, or chooses among those that are listed."""

from collections.abc import Sequence

import numpy as np

from prm_gym.agent import Action, Prompt
from prm_gym.agents.causal_lm.contexts import Contexts
from prm_gym.agents.causal_lm.options import ActingOptions
from prm_gym.agents.causal_lm.serving import Served, ServedWriter, served_seed
from prm_gym.credit.array_types import FloatArray
from prm_gym.drafting import Draft
from prm_gym.errors import ContractError
from prm_gym.lm.choices import ChoiceTrie
from prm_gym.lm.generation import Generator
from prm_gym.lm.token_server import NoAnswer


class Actor:
    """Acts for a policy, which counts and remembers what was done.

    Attributes:
        acting: how it acts.
        contexts: what it reads.
        generator: writes and chooses; its kept keys and values are of the weights as they are.
        writer: the server that writes free text; None without one.
    """

    def __init__(self, acting: ActingOptions, contexts: Contexts, generator: Generator, writer: ServedWriter | None, rng: np.random.Generator) -> None:
        """Take the parts of a policy.

        Args:
            acting: how it acts.
            contexts: what it reads, and how text becomes tokens.
            generator: writes and chooses.
            writer: writes free text in its place; None for none.
            rng: of actions without a seed of their own.
        """
        self.acting, self.contexts, self.generator, self.writer = acting, contexts, generator, writer
        self._turns, self._rng = contexts.turns, rng

    def act(
        self, prompts: Sequence[Prompt], version: int, *, greedy: bool = False, drafts: Sequence[Draft] | None = None, most_tokens: int | None = None
    ) -> list[Action]:
        """One action a prompt, in order; an empty one where there is no room.

        Args:
            prompts: of distinct episodes.
            version: of the weights, for a server that is to have them.
            greedy: the most probable actions instead of sampled ones.
            drafts: one a prompt, the beginnings of the actions.
            most_tokens: of what is written; None for the limit of the options.

        Raises:
            ContractError: choose="listed" and nothing is listed.
        """
        found = {row: _action_of(draft) for row, draft in enumerate(drafts or ()) if draft.whole}
        contexts = {row: ids for row, prompt in enumerate(prompts) if row not in found and (ids := self.contexts.context(prompt)) is not None}
        chosen = [row for row in contexts if self._chooses(prompts[row])]
        written = [row for row in contexts if not self._chooses(prompts[row])]
        if chosen:
            found |= zip(chosen, self._chosen([prompts[row] for row in chosen], [contexts[row] for row in chosen], greedy), strict=True)
        begun = {row: self._begun(drafts[row]) if drafts else Draft("", (), logprobs=()) for row in written}
        found |= {row: _action_of(draft) for row, draft in begun.items() if draft.whole}
        written = [row for row in written if not begun[row].whole]
        if written:
            said = [_action_of(begun[row]) for row in written]
            limit = min(most_tokens or self.acting.max_new_tokens, self.acting.max_new_tokens)
            made = self._written([prompts[row] for row in written], [contexts[row] for row in written], greedy, said, limit, version)
            found |= zip(written, made, strict=True)
        return [found.get(row, Action(text="")) for row in range(len(prompts))]

    def draft(self, prompts: Sequence[Prompt], version: int, most_tokens: int) -> list[Draft]:
        """The beginning of one action a prompt, of at most so many tokens; see `prm_gym.drafting.DraftingAgent`.

        Raises:
            ContractError: there is no token to be written, or choose="listed" and nothing is listed.
        """
        if most_tokens < 1:
            raise ContractError(f"a beginning has at least one token, got most_tokens={most_tokens}")
        drafts: list[Draft] = []
        for prompt, action in zip(prompts, self.act(prompts, version, most_tokens=most_tokens), strict=True):
            ids = () if action.failure else action.token_ids  # what failed is tried once more when it is to be finished
            whole = ids is None or self._chooses(prompt) or self._turns.ended(ids) or len(ids) >= self.acting.max_new_tokens
            drafts.append(Draft(action.text, ids, whole, logprobs=() if action.failure else action.logprobs))
        return drafts

    def _begun(self, draft: Draft) -> Draft:
        """A beginning in tokens of this vocabulary, without what stands beyond an end or the limit of tokens; whole where it comes to one of these."""
        ids = draft.token_ids if draft.token_ids is not None else self._turns.action(draft.text)[:-1]
        limit = self.acting.max_new_tokens
        size = next((n for n in range(1, min(len(ids), limit) + 1) if n == limit or self._turns.ended(ids[:n])), None)
        if size is None:
            return Draft(draft.text, ids, logprobs=draft.logprobs)
        return Draft(self._turns.text(ids[:size]), ids[:size], True, logprobs=draft.logprobs and draft.logprobs[:size])

    def _chooses(self, prompt: Prompt) -> bool:
        if self.acting.choose == "listed" and not prompt.actions:
            raise ContractError("choose='listed' needs an environment that lists its admissible actions; choose='free' writes them")
        return bool(prompt.actions) and self.acting.choose != "free" and not self.acting.thinking

    def _chosen(self, prompts: Sequence[Prompt], contexts: Sequence[list[int]], greedy: bool) -> list[Action]:
        tries = [ChoiceTrie([self._turns.action(text) for text in prompt.actions]) for prompt in prompts]
        uniforms = [None if greedy else float(self._uniforms(prompt, 1)[0]) for prompt in prompts]
        choices = self.generator.choose(contexts, [prompt.episode for prompt in prompts], tries, uniforms, self.acting.temperature)
        return [
            Action(text=prompt.actions[choice.place], token_ids=choice.token_ids, logprobs=choice.logprobs)
            for prompt, choice in zip(prompts, choices, strict=True)
        ]

    def _written(
        self, prompts: Sequence[Prompt], contexts: Sequence[list[int]], greedy: bool, begun: Sequence[Action], limit: int, version: int
    ) -> list[Action]:
        """Free text of at most so many tokens, what was begun included; that has tokens, fewer than these."""
        ids = [action.token_ids or () for action in begun]
        sampling = self.acting.sampling(greedy)
        if self.writer is None:
            uniforms = np.stack([np.zeros(limit) if greedy else self._uniforms(prompt, limit) for prompt in prompts])
            found = self.generator.sample(contexts, [prompt.episode for prompt in prompts], uniforms, sampling, self._turns.ended, ids)
        else:
            seeds = [None if greedy or prompt.seed is None else served_seed(prompt.seed, len(tokens)) for prompt, tokens in zip(prompts, ids, strict=True)]
            found = self.writer.sample(contexts, ids, seeds, limit, sampling, self._turns, version)
        actions: list[Action] = []
        for before, action, said in zip(ids, begun, found, strict=True):
            if isinstance(said, NoAnswer):
                actions.append(Action(text="", failure=said.reason))
                continue
            logprobs = None if action.logprobs is None or said.logprobs is None else (*action.logprobs, *said.logprobs)
            whole, served = (*before, *said.token_ids), said.version if isinstance(said, Served) else None
            actions.append(Action(text=self._turns.text(whole), token_ids=whole, logprobs=logprobs, policy_version=served))
        return actions

    def _uniforms(self, prompt: Prompt, count: int) -> FloatArray:
        """Of the prompt's own seed, or of one that is drawn for it."""
        seed = int(self._rng.integers(1 << 62)) if prompt.seed is None else prompt.seed
        return np.random.default_rng(seed).random(count)


def _action_of(draft: Draft) -> Action:
    return Action(text=draft.text, token_ids=draft.token_ids, logprobs=draft.logprobs)
