"""CausalLMPolicy: acts in batches, and keeps token for token what it acted on, so that it learns from exactly that."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from prm_gym.agent import Action, Agent, Preference, Prompt, TrainableAgent
from prm_gym.agents.causal_lm import checkpoint
from prm_gym.agents.causal_lm.contexts import Contexts
from prm_gym.agents.causal_lm.models import build
from prm_gym.agents.causal_lm.options import ActingOptions, ImitationOptions, ModelOptions
from prm_gym.credit import Credit, StepBatch
from prm_gym.credit.array_types import FloatArray
from prm_gym.errors import ContractError, OptionError, UnknownNameError
from prm_gym.lm.choices import ChoiceTrie
from prm_gym.lm.generation import Generator
from prm_gym.lm.sequences import TokenSequence
from prm_gym.lm.turns import TurnFormat
from prm_gym.machine import choose_device

if TYPE_CHECKING:
    from prm_gym.agents.causal_lm.learning import Learner

SCRATCH_RATE, LORA_RATE = 1e-3, 1e-4  # learning rates of a decoder from scratch, and of adapters


@dataclass(slots=True)
class Counters:
    """What a policy has done since it was made.

    Attributes:
        actions: that it has taken.
        cut_off: of them, those that came to the limit of tokens.
    """

    actions: int = 0
    cut_off: int = 0


class CausalLMPolicy(TrainableAgent):
    """A causal language model that writes actions, or chooses among those that are listed.

    `seeded` holds to rounding: a batch of another shape multiplies in another order, and a draw that falls on the border between two tokens may fall on the
    other side. In float32 that is one token in a million; in bfloat16 it is one in some hundred.

    Attributes:
        model: of Hugging Face, or of PEFT around it.
        tokenizer: of Hugging Face.
        acting: how it acts.
        turns: how segments of text become tokens.
        contexts: what it reads.
        generator: writes and chooses.
        counters: what it has done.
    """

    id = "causal-lm"
    seeded = True

    def __init__(self, path: str = "", *, seed: int = 0, device: str = "auto", learning: Mapping[str, Any] | None = None, **options: Any) -> None:
        """Load or make the model.

        Args:
            path: a folder, or a name on the Hugging Face hub; "" for a small decoder from scratch.
            seed: of new weights, and of actions without a seed of their own.
            device: "cpu", "cuda", "cuda:1" ..., or "auto" (CUDA where there is one).
            learning: how it learns, see `LearningOptions`; without its `seed` and `temperature`, which are those of the policy. The learning rate is 1e-3 for a
                decoder from scratch and 1e-4 for adapters, unless it is given.
            **options: see `ModelOptions`, `ActingOptions` and `ImitationOptions`.

        Raises:
            OptionError: there is no such option, or it does not fit; says the near miss.
            CheckpointError: the model cannot be loaded, or is not causal.
        """
        from prm_gym.agents.causal_lm.learning_options import LearningOptions

        given, acting, self.imitation = _parted(options, ModelOptions, ActingOptions, ImitationOptions)
        self.acting: ActingOptions = acting
        usual = {"learning_rate": LORA_RATE} if given.lora else {} if path else {"learning_rate": SCRATCH_RATE}
        (self._learning,) = _parted({**usual, **(learning or {}), "temperature": acting.temperature, "seed": seed}, LearningOptions)
        self.together = self._learning.parallel != "none"
        self.options: dict[str, Any] = {"path": path, "seed": seed, "learning": dict(learning or {}), **options}
        made = build(path, given, seed, choose_device(device))
        self.model, self.tokenizer = made.model, made.tokenizer
        if acting.max_new_tokens >= made.context:
            raise OptionError(f"max_new_tokens is {acting.max_new_tokens} and the context has {made.context} tokens; it needs room for what is read")
        self._context = made.context
        self._rng = np.random.default_rng(seed)
        self.generator = Generator(self.model, acting.cache_bytes)
        self.counters = Counters()
        self._learner: Learner | None = None
        self._speak()

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """An action for every prompt, with its tokens and their log-probabilities under the distribution that they were drawn from.

        Raises:
            ContractError: a prompt is longer than the context; or choose="listed" and nothing is listed.
        """
        return self._acted(prompts, greedy=False)

    def most_probable(self, prompts: Sequence[Prompt]) -> list[Action]:
        """Of listed actions the most probable; of free text, token by token the most probable one."""
        return self._acted(prompts, greedy=True)

    def greedy(self) -> Agent:
        """The most probable actions instead of sampled ones; shares weights and memory."""
        return _Greedy(self)

    def cut_off(self, action: Action) -> bool:
        """Whether an action of this policy came to the limit of tokens before its end."""
        return action.token_ids is not None and not self.turns.ended(action.token_ids)

    def _acted(self, prompts: Sequence[Prompt], greedy: bool) -> list[Action]:
        contexts = [self.contexts.context(prompt) for prompt in prompts]
        choosing = [self._chooses(prompt) for prompt in prompts]
        found: dict[int, Action] = {}
        for kind, act in ((True, self._chosen), (False, self._written)):
            rows = [row for row, chooses in enumerate(choosing) if chooses is kind]
            if rows:
                actions = act([prompts[row] for row in rows], [contexts[row] for row in rows], greedy)
                found |= dict(zip(rows, actions, strict=True))
        actions = [found[row] for row in range(len(prompts))]
        for prompt, action in zip(prompts, actions, strict=True):
            self.contexts.remember(prompt, action.text, action.token_ids or ())
            self.counters.actions += 1
            self.counters.cut_off += self.cut_off(action)
        return actions

    def _chooses(self, prompt: Prompt) -> bool:
        if self.acting.choose == "listed" and not prompt.actions:
            raise ContractError("choose='listed' needs an environment that lists its admissible actions; choose='free' writes them")
        return bool(prompt.actions) and self.acting.choose != "free" and not self.acting.thinking

    def _chosen(self, prompts: Sequence[Prompt], contexts: Sequence[list[int]], greedy: bool) -> list[Action]:
        tries = [ChoiceTrie([self.turns.action(text) for text in prompt.actions]) for prompt in prompts]
        for trie, context in zip(tries, contexts, strict=True):
            if len(context) + int(trie.depths.max()) > self._context:
                raise ContractError(
                    f"a listed action of {int(trie.depths.max()):,} tokens does not fit behind {len(context):,} tokens into a context of {self._context:,}; "
                    "raise max_new_tokens to the longest action, and more of the history is left out"
                )
        uniforms = [None if greedy else float(self._uniforms(prompt, 1)[0]) for prompt in prompts]
        choices = self.generator.choose(contexts, [prompt.episode for prompt in prompts], tries, uniforms, self.acting.temperature)
        return [
            Action(text=prompt.actions[choice.place], token_ids=choice.token_ids, logprobs=choice.logprobs)
            for prompt, choice in zip(prompts, choices, strict=True)
        ]

    def _written(self, prompts: Sequence[Prompt], contexts: Sequence[list[int]], greedy: bool) -> list[Action]:
        limit = self.acting.max_new_tokens
        uniforms = np.stack([np.zeros(limit) if greedy else self._uniforms(prompt, limit) for prompt in prompts])
        owners = [prompt.episode for prompt in prompts]
        found = self.generator.sample(contexts, owners, uniforms, self.acting.sampling(greedy), self.turns.ended)
        return [Action(text=self.turns.text(each.token_ids), token_ids=each.token_ids, logprobs=each.logprobs) for each in found]

    def _uniforms(self, prompt: Prompt, count: int) -> FloatArray:
        """Of the prompt's own seed, or of one that is drawn for it."""
        seed = int(self._rng.integers(1 << 62)) if prompt.seed is None else prompt.seed
        return np.random.default_rng(seed).random(count)

    def update(self, batch: StepBatch, credit: Credit) -> dict[str, float]:
        """Learn from advantages; see `Learner.update`.

        Raises:
            ContractError: a step is longer than the context.
            CreditError: the batch was made from arrays.
            DivergedError: a loss or gradient is no number; that step was not taken.
        """
        metrics = self.learner.update(self.sequences(batch), credit.advantages, credit.keep, credit.returns)
        self._learned()
        return metrics | self._marked(batch)

    def imitate(self, batch: StepBatch, weights: FloatArray | None = None) -> dict[str, float]:
        """Learn to write what was done, token by token, whether it could have been chosen from a list or not.

            L = -sum_t w_t sum_i log pi(a_ti | s_t, a_t,<i) / sum_t w_t |a_t|

        Raises:
            ContractError: a step is longer than the context, or a weight is negative.
            CreditError: the batch was made from arrays.
            DivergedError: a loss or gradient is no number; that step was not taken.
        """
        weights = np.ones(batch.rewards.size) if weights is None else weights
        sequences = self.contexts.sequences(batch, listed=False)
        imitation = self.imitation
        minibatches = -(-len(sequences) // imitation.imitation_minibatch)
        metrics = self.learner.imitate(sequences, weights, imitation.imitation_epochs, minibatches)
        self._learned()
        return metrics

    def prefer(self, pairs: Sequence[Preference]) -> dict[str, float]:
        """Learn to do the better of two actions; see `Learner.prefer`.

        Raises:
            ContractError: a prompt is longer than the context.
            OptionError: the form of the loss needs a reference, and none is kept.
            DivergedError: a loss or gradient is no number; that step was not taken.
        """
        from prm_gym.agents.causal_lm.learning import SequencePair

        sequence = self.contexts.sequence
        made = [SequencePair(sequence(pair.prompt, pair.chosen), sequence(pair.prompt, pair.rejected), pair.weight) for pair in pairs]
        metrics = self.learner.prefer(made)
        self._learned()
        return metrics

    def sequences(self, batch: StepBatch) -> list[TokenSequence]:
        """The steps of a batch as this policy read and took them; for loops of one's own over `learner`."""
        acting = self.acting
        found = self.contexts.sequences(batch, listed=acting.choose != "free" and not acting.thinking)
        if not acting.top_k and acting.top_p == 1.0:
            return found
        # Freely written tokens were drawn from a part of the vocabulary; the policy that learns is over all of it, so what it says of them is computed anew.
        return [replace(each, logprobs=tuple(said if each.choices and each.choices[at] else None for at, said in enumerate(each.logprobs))) for each in found]

    @property
    def learner(self) -> "Learner":
        """What trains the model; made when it is first asked for, and the model as it then is is its reference, if it keeps one.

        With parallel="fsdp" it trains a copy, of which every process has a share, and `model` acts with all weights: processes write texts of different
        lengths, and could not gather the weights together at every token.
        """
        if self._learner is None:
            from prm_gym.agents.causal_lm.learning import Learner

            self._learner = Learner(copy.deepcopy(self.model) if self._sharded else self.model, self._learning)
        return self._learner

    @property
    def _sharded(self) -> bool:
        return self._learning.parallel == "fsdp"

    def _learned(self) -> None:
        """The weights have changed: what was kept of the episodes is worth nothing."""
        if self._sharded:
            from prm_gym.lm.parallel import gather

            gather(self.learner.network.model, self.model)
        self.generator.forget()

    def save(self, directory: Path) -> None:
        """Write a folder that `load`, Hugging Face's loaders (PEFT's, with adapters) and the argument of this agent take; see `checkpoint.save`."""
        learner = self.learner if self.together else self._learner
        if learner is not None and learner.parallel.rank:
            learner.save(directory)  # it gives its shards of the state, which the first process writes
            return
        state = {"random": self._rng.bit_generator.state, "options": self.options}
        checkpoint.save(directory, self.model, self.tokenizer, learner, state)

    def load(self, directory: Path) -> None:
        """Put back what `save` wrote into a policy of the same model.

        Raises:
            CheckpointError: it is of another model or another version, or cannot be read.
        """
        stored = checkpoint.load(directory, self.model)
        self._learner = None  # its optimiser would know the weights as they were
        if stored.learner is not None:
            self.learner.load(stored.learner)
        self.tokenizer = stored.tokenizer
        self._rng.bit_generator.state = stored.state["random"]
        self.generator.forget()
        self._speak()

    def _speak(self) -> None:
        """Read the frame of the tokenizer."""
        acting = self.acting
        named = getattr(self.model.generation_config, "eos_token_id", None)
        ends: list[int] = [named] if isinstance(named, int) else list(named or ())
        self.turns = TurnFormat(self.tokenizer, thinking=acting.thinking, lines=acting.stop == "line", ends=ends)
        history = None if acting.history == "episode" else acting.history
        self.contexts = Contexts(self.turns, self._context - acting.max_new_tokens, history, acting.instructions)

    def _marked(self, batch: StepBatch) -> dict[str, float]:
        """The share of the steps that this policy wrote whose action was cut off."""
        cut = [not self.turns.ended(step.token_ids) for step in batch.steps if step.token_ids]
        return {"cut_off": sum(cut) / len(cut)} if cut else {}


class _Greedy(Agent):
    seeded = True

    def __init__(self, policy: CausalLMPolicy) -> None:
        self.id = f"{policy.id}:greedy"
        self._policy = policy

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        return self._policy.most_probable(prompts)


def _parted(options: Mapping[str, Any], *kinds: type[msgspec.Struct]) -> list[Any]:
    """Options as structs, each of those that it names.

    Raises:
        OptionError: none of them names one (says the near miss), or a value does not fit.
    """
    names = {name: kind for kind in kinds for name in kind.__struct_fields__}
    for option in options:
        if option not in names:
            raise OptionError(str(UnknownNameError("option of the agent 'causal-lm'", option, names)))
    found: list[Any] = []
    for kind in kinds:
        try:
            found.append(msgspec.convert({name: value for name, value in options.items() if names[name] is kind}, kind))
        except msgspec.ValidationError as error:
            raise OptionError(f"agent 'causal-lm': {error}") from error
    return found
