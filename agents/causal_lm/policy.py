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
from prm_gym.agents.causal_lm.acting import Actor
from prm_gym.agents.causal_lm.contexts import Contexts
from prm_gym.agents.causal_lm.models import build
from prm_gym.agents.causal_lm.options import ActingOptions, ImitationOptions, ModelOptions, ServerOptions, parted
from prm_gym.agents.causal_lm.serving import ServedWriter
from prm_gym.credit import Credit, StepBatch
from prm_gym.credit.array_types import FloatArray
from prm_gym.drafting import Draft, DraftingAgent
from prm_gym.errors import OptionError
from prm_gym.lm.generation import Generator
from prm_gym.lm.parallel import whole
from prm_gym.lm.sequences import TokenSequence
from prm_gym.lm.turns import TurnFormat
from prm_gym.machine import choose_device
from prm_gym.saved_agents import describe

if TYPE_CHECKING:
    from prm_gym.agents.causal_lm.learning import Learner

SCRATCH_RATE, LORA_RATE = 1e-3, 1e-4  # learning rates of a decoder from scratch, and of adapters


@dataclass(slots=True)
class Counters:
    """What a policy has done since it was made.

    Attributes:
        actions: that it has taken.
        cut_off: of them, those that came to the limit of tokens.
        overflowed: prompts that had no room in the context even without their history; nothing was written there.
    """

    actions: int = 0
    cut_off: int = 0
    overflowed: int = 0


class CausalLMPolicy(TrainableAgent, DraftingAgent):
    """A causal language model that writes actions, or chooses among those that are listed.

    `seeded` holds to rounding: a batch of another shape multiplies in another order, and a draw that falls on the border between two tokens may fall on the
    other side. In float32 that is one token in a million; in bfloat16 it is one in some hundred.

    What does not fit: where an episode is longer than the context, its oldest steps are left out, and the text says so. Where what is seen now does not fit
    alone, the policy writes nothing, which is a malformed action: its own limit, which counts against it, and no broken infrastructure. The episode goes on or
    ends by its own rules, nothing is learned from that step, and `report()` counts it.

    A pickled copy (for processes that play or search elsewhere) acts from the same weights and random state. It is made from the options, so a model that was
    loaded from a folder is loaded from there again. What it has learned with (optimiser, reference) stays with the original; `save` and `load` carry that.

    With `server=` free text is written by vLLM or SGLang (see `ServerOptions`), and learned from as what was sampled here; it is not `seeded` then. A server
    that fails spoils the episode (`Action.failure`). For what the numbers of another program differ by there is `importance_cap` (see `LearningOptions`).

    Attributes:
        model: of Hugging Face, or of PEFT around it.
        tokenizer: of Hugging Face.
        acting: how it acts.
        turns: how segments of text become tokens.
        contexts: what it reads.
        generator: writes and chooses.
        counters: what it has done.
        writer: the server that writes free text; None without one.
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
            **options: see `ModelOptions`, `ActingOptions`, `ImitationOptions` and `ServerOptions`.

        Raises:
            OptionError: there is no such option, or it does not fit; says the near miss.
            CheckpointError: the model cannot be loaded, or is not causal.
        """
        self._begin({"path": path, "seed": seed, "learning": dict(learning or {}), **options}, device)

    def __getstate__(self) -> dict[str, Any]:
        from prm_gym.lm.tensor_files import packed

        state = {"options": self.options, "device": self._device, "random": self._rng.bit_generator.state, "tokenizer": self.tokenizer, "version": self.version}
        state["sampled"] = self.contexts.remembered()
        if self.writer is not None:
            self.writer.hand_over(self.version)  # once, and not by every copy
            state["given"] = self.writer.given
        return state | {"weights": packed({name: whole(value) for name, value in checkpoint.weights_of(self.model).items()})}

    def __setstate__(self, state: dict[str, Any]) -> None:
        from prm_gym.lm.tensor_files import unpacked

        self._begin(state["options"], state["device"], state["tokenizer"])
        checkpoint.put(self.model, unpacked(state["weights"]), "the pickled policy")
        self.contexts.recall(state["sampled"])
        self._rng.bit_generator.state, self._version = state["random"], state["version"]
        if self.writer is not None:
            self.writer.given = state["given"]

    def _begin(self, said: Mapping[str, Any], device: str, tokenizer: Any = None) -> None:
        """Make everything from the options.

        Args:
            said: `options`.
            device: as it was asked for.
            tokenizer: in place of the one that the options give.
        """
        from prm_gym.agents.causal_lm.learning_options import LearningOptions

        self.options: dict[str, Any] = dict(said)
        path, seed, learning = said["path"], said["seed"], said["learning"]
        own = {name: value for name, value in said.items() if name not in ("path", "seed", "learning")}
        given, acting, self.imitation, served = parted(own, ModelOptions, ActingOptions, ImitationOptions, ServerOptions)
        self.acting: ActingOptions = acting
        usual = {"learning_rate": LORA_RATE} if given.lora else {} if path else {"learning_rate": SCRATCH_RATE}
        (self._learning,) = parted({**usual, **learning, "temperature": acting.temperature, "seed": seed}, LearningOptions)
        self.together = self._learning.parallel != "none"
        self._device = device
        made = build(path, given, seed, choose_device(device), tokenizer)
        self.model, self.tokenizer = made.model, made.tokenizer
        if acting.max_new_tokens >= made.context:
            raise OptionError(f"max_new_tokens is {acting.max_new_tokens} and the context has {made.context} tokens; it needs room for what is read")
        self._context = made.context
        self._rng = np.random.default_rng(seed)
        self.generator = Generator(self.model, acting.cache_bytes, given.compile)
        self.counters = Counters()
        self._version = self._steps = 0
        self.seeded = not served.server
        self.writer = ServedWriter(served, self.generator, self.save_acting, bool(given.lora)) if served.server else None
        self._learner: Learner | None = None
        self._speak()

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """An action for every prompt, with its tokens and their log-probabilities under the distribution that they were drawn from.

        Raises:
            ContractError: choose="listed" and nothing is listed.
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

    def report(self) -> dict[str, float]:
        """Actions that were taken, those that came to the limit of tokens, prompts whose history was shortened, and those that did not fit even without it."""
        counters = self.counters
        return {
            "actions": float(counters.actions),
            "cut_off": float(counters.cut_off),
            "shortened": float(self.contexts.shortened),
            "overflowed": float(counters.overflowed),
        } | self._served()

    def close(self) -> None:
        """Close the connection to a server; it opens again."""
        if self.writer is not None:
            self.writer.server.close()

    def draft(self, prompts: Sequence[Prompt], most_tokens: int) -> list[Draft]:
        """The beginning of one action a prompt; of listed actions, and where there is no room, the whole of it.

        Args:
            prompts: as for `act`.
            most_tokens: of each beginning, >= 1.

        Raises:
            ContractError: choose="listed" and nothing is listed.
        """
        return self._actor().draft(prompts, self.version, most_tokens)

    def complete(self, prompts: Sequence[Prompt], drafts: Sequence[Draft]) -> list[Action]:
        """The actions that begin so. With the seeds of the drafts they are those that `act` would have given: the same draws, token by token.

        Args:
            prompts: those of the drafts.
            drafts: one a prompt; one without tokens is tokenised, and the action then has no log-probabilities. One that has come to an end or to the limit
                of tokens is the action, without what stands beyond.
        """
        return self._noted(prompts, self._actor().act(prompts, self.version, drafts=drafts))

    def _acted(self, prompts: Sequence[Prompt], greedy: bool) -> list[Action]:
        return self._noted(prompts, self._actor().act(prompts, self.version, greedy=greedy))

    def _noted(self, prompts: Sequence[Prompt], actions: list[Action]) -> list[Action]:
        """The actions with the version of what wrote them, counted and remembered from now on."""
        versioned = msgspec.structs.replace
        actions = [versioned(each, policy_version=self.version) if each.token_ids is not None and each.policy_version is None else each for each in actions]
        for prompt, action in zip(prompts, actions, strict=True):
            self.contexts.remember(prompt, action.text, action.token_ids or ())
            self.counters.actions += 1
            self.counters.cut_off += self.cut_off(action)
            self.counters.overflowed += action.token_ids is None and not action.failure
        return actions

    @property
    def gives(self) -> tuple[str, ...]:
        """What it says of its actions, of states where it has a critic, and of actions under its reference where it keeps one."""
        values = ("value", "bootstrap_value") if self._learning.value_weight else ()
        return ("logprob", "entropy", "n_tokens", *values, *(("ref_logprob",) if self._learning.needs_reference else ()))

    def columns(self, batch: StepBatch, names: Sequence[str]) -> dict[str, FloatArray]:
        """What the policy as it is now says of steps; see `prm_gym.agents.causal_lm.learning.StepColumns`.

        Raises:
            ContractError: it has no such column, or a step is longer than the context.
            CreditError: the batch was made from arrays.
        """
        if not set(names) <= set(self.gives):
            return super().columns(batch, names)
        count, found = batch.rewards.size, dict[str, FloatArray]()
        if set(names) - {"bootstrap_value", "ref_logprob"}:
            said = self.learner.columns(self.sequences(batch), count)
            own = {"logprob": said.logprob, "entropy": said.entropy, "n_tokens": said.n_tokens, "value": said.value}
            found |= {name: column for name, column in own.items() if name in names and column is not None}
        if "ref_logprob" in names:
            found["ref_logprob"] = self.learner.columns(self.sequences(batch), count, reference=True).logprob
        if "bootstrap_value" in names:
            endings = self.contexts.endings(batch)
            beyond = self.learner.columns(endings, count).value if endings else None
            found["bootstrap_value"] = np.full(count, np.nan) if beyond is None else beyond
        return found

    def update(self, batch: StepBatch, credit: Credit) -> dict[str, float]:
        """Learn from advantages; see `Learner.update`.

        Raises:
            CreditError: the batch was made from arrays.
            DivergedError: a loss or gradient is no number; that step was not taken.
        """
        sequences, marked = self.sequences(batch), self._marked(batch)
        metrics = self.learner.update(sequences, credit.advantages, credit.keep, credit.returns)
        self._learned()
        return metrics | marked | _unread(sequences, batch)

    def imitate(self, batch: StepBatch, weights: FloatArray | None = None) -> dict[str, float]:
        """Learn to write what was done, token by token, whether it could have been chosen from a list or not.

            L = -sum_t w_t sum_i log pi(a_ti | s_t, a_t,<i) / sum_t w_t |a_t|

        Raises:
            ContractError: a weight is negative.
            CreditError: the batch was made from arrays.
            DivergedError: a loss or gradient is no number; that step was not taken.
        """
        weights = np.ones(batch.rewards.size) if weights is None else weights
        sequences = self.contexts.sequences(batch, listed=False)
        imitation = self.imitation
        minibatches = -(-len(sequences) // imitation.imitation_minibatch)
        metrics = self.learner.imitate(sequences, weights, imitation.imitation_epochs, minibatches)
        self._learned()
        return metrics | _unread(sequences, batch)

    def prefer(self, pairs: Sequence[Preference]) -> dict[str, float]:
        """Learn to do the better of two actions; see `Learner.prefer`.

        Raises:
            OptionError: the form of the loss needs a reference, and none is kept.
            DivergedError: a loss or gradient is no number; that step was not taken.
        """
        from prm_gym.agents.causal_lm.learning import SequencePair

        made: list[SequencePair] = []
        for pair in pairs:
            chosen, rejected = (self.contexts.sequence(pair.prompt, action) for action in (pair.chosen, pair.rejected))
            if chosen is not None and rejected is not None:
                made.append(SequencePair(chosen, rejected, pair.weight))
        metrics = self.learner.prefer(made)
        self._learned()
        return metrics | ({"overflowed": 1.0 - len(made) / len(pairs)} if len(made) < len(pairs) else {})

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
        lengths, and could not gather the weights together at every token. `update`, `imitate` and `prefer` bring them there; a loop of one's own over this
        learner does so with `prm_gym.lm.parallel.gather`. Otherwise nothing is to be done after an update: the policy sees that the learner has taken steps.
        """
        if self._learner is None:
            from prm_gym.agents.causal_lm.learning import Learner

            self._learner = Learner(copy.deepcopy(self.model) if self._sharded else self.model, self._learning)
        return self._learner

    @property
    def _sharded(self) -> bool:
        return self._learning.parallel == "fsdp"

    def save(self, directory: Path) -> None:
        """Write a folder that `load`, Hugging Face's loaders (PEFT's, with adapters) and the argument of this agent take; see `checkpoint.save`."""
        learner = self.learner if self.together else self._learner
        if learner is not None and learner.parallel.rank:
            learner.save(directory)  # it gives its shards of the state, which the first process writes
            return
        state = {"random": self._rng.bit_generator.state, "options": self.options, "version": self.version}
        places = {name: str(Path(place).resolve()) for name in ("path", "texts") if (place := self.options.get(name)) and Path(place).exists()}
        describe(directory, self.id, self.options | places)
        checkpoint.save(directory, self.model, self.tokenizer, learner, state)

    def save_acting(self, directory: Path) -> None:
        """Write a folder as `save` does, of weights and tokenizer alone."""
        checkpoint.save(directory, self.model, self.tokenizer, None, {"version": self.version})

    def load(self, directory: Path) -> None:
        """Put back what `save` or `save_acting` wrote into a policy of the same model.

        Raises:
            CheckpointError: it is of another model or another version, or cannot be read.
        """
        stored = checkpoint.load(directory, self.model)
        self._learner = None  # its optimiser would know the weights as they were
        if stored.learner is not None:
            self.learner.load(stored.learner)
        self._steps = 0 if self._learner is None else self._learner.steps
        self.tokenizer = stored.tokenizer
        self._rng.bit_generator.state = stored.state.get("random", self._rng.bit_generator.state)  # which copies for acting do without
        self._version = int(stored.state.get("version", 0))
        self.generator.forget()
        if self.writer is not None:
            self.writer.given = (None, self.writer.server.adapter)  # what the server has is of another run
        self._speak()

    def _speak(self) -> None:
        """Read the frame of the tokenizer."""
        acting = self.acting
        named = getattr(self.model.generation_config, "eos_token_id", None)
        ends: list[int] = [named] if isinstance(named, int) else list(named or ())
        self.turns = TurnFormat(self.tokenizer, thinking=acting.thinking, lines=acting.stop == "line", ends=ends)
        history = None if acting.history == "episode" else acting.history
        chooses = acting.choose != "free" and not acting.thinking
        self.contexts = Contexts(self.turns, self._context, acting.max_new_tokens, history, instructions=acting.instructions, listed=chooses)
        self._acts = Actor(acting, self.contexts, self.generator, self.writer, self._rng)

    def _marked(self, batch: StepBatch) -> dict[str, float]:
        """The share of the steps that this policy wrote whose action was cut off; with a server how many updates old what wrote them is, in the mean."""
        cut = [not self.turns.ended(step.token_ids) for step in batch.steps if step.token_ids]
        ages = [self.version - step.policy_version for step in batch.steps if step.policy_version is not None] if self.writer is not None else []
        return ({"cut_off": sum(cut) / len(cut)} if cut else {}) | ({"staleness": sum(ages) / len(ages)} if ages else {}) | self._served()

    @property
    def version(self) -> int:
        """Updates that it has learned from, whoever called for them; stored with each action. Several between two actions are one."""
        self._notice()
        return self._version

    def _notice(self) -> None:
        """Where the learner has taken steps, what was kept of the episodes is worth nothing any more, and what is done from now on is of another version."""
        steps = 0 if self._learner is None else self._learner.steps
        if steps != self._steps:
            self._steps = steps
            self._version += 1
            self.generator.forget()

    def _learned(self) -> None:
        """Have the model that acts follow the one that learns."""
        if self._sharded:
            from prm_gym.lm.parallel import gather

            gather(self.learner.network.model, self.model)
        self._notice()

    def _actor(self) -> Actor:
        """What acts with the weights as they are."""
        self._notice()
        return self._acts

    def _served(self) -> dict[str, float]:
        """What there is to say of a server."""
        if self.writer is None:
            return {}
        gap = self.writer.gap
        return {"server_failures": float(self.writer.server.failures)} | ({} if gap is None else {"server_gap": gap})


class _Greedy(Agent):
    def __init__(self, policy: CausalLMPolicy) -> None:
        self.id, self.seeded = f"{policy.id}:greedy", policy.seeded
        self._policy = policy

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        return self._policy.most_probable(prompts)


def _unread(sequences: Sequence[TokenSequence], batch: StepBatch) -> dict[str, float]:
    """The share of the steps that have no room in the context, where there are any: nothing was learned from them."""
    missing = batch.rewards.size - sum(len(sequence.actions) for sequence in sequences)
    return {"overflowed": missing / batch.rewards.size} if missing else {}
