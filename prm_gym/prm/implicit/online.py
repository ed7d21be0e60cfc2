"""Online training: an implicit reward that learns from every batch of fresh trajectories, as a learned signal of credit assignment does.

    reward = ImplicitReward.load("CHECKPOINT")
    for batch in ...:                         # StepBatch.from_trajectories(...)
        metrics = reward.fit(batch)           # PRIME and iStar learn first, and score with what was learnt
        scores = reward.rewards(batch)        # [N] float64, r of each step

PRIME: the reference stays the model that training began from, objective "cross-entropy". iStar: the objective is "dpo", and the reference is the policy that
acted: hand its weights to `refer_to` before each batch.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from prm_gym.chains import Chain, chain_of_trajectory
from prm_gym.credit import StepBatch
from prm_gym.errors import CheckpointError, CreditError, MissingExtraError, OptionError
from prm_gym.lm.libraries import quiet
from prm_gym.prm.implicit.encoding import ChainEncoder, Spanned, Template
from prm_gym.prm.implicit.learner import Example, ImplicitLearner, LearningOptions
from prm_gym.prm.implicit.loading import Device, ImplicitSettings, calm, load_model, load_tokenizer, read_settings, require_same_tokens, write_settings
from prm_gym.prm.implicit.logprobs import CausalModel

try:
    import torch
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

STATE_FILE = "learner.pt"


class FitReport(msgspec.Struct, frozen=True):
    """What came of learning from a batch.

    Attributes:
        loss: mean over the gradient steps; NaN without one.
        accuracy: see `prm_gym.prm.implicit.learner.Learned`; of the last step.
        trajectories: learnt from.
        skipped: trajectories without a known outcome, or longer than the context.
        pairs: compared, under "dpo".
        gradient: norm before clipping, of the last step.
    """

    loss: float
    accuracy: float
    trajectories: int
    skipped: int
    pairs: int
    gradient: float


class ImplicitReward:
    """The trained model, its reference and its optimiser.

    Attributes:
        learner: the model that learns.
        encoder: writes chains.
    """

    def __init__(self, learner: ImplicitLearner, reference: CausalModel | None, encoder: ChainEncoder, name: str = "") -> None:
        """Put loaded models together; see `load` for paths.

        Args:
            learner: the model that learns.
            reference: ref; None when the model is an adapter over it.
            encoder: of their tokenizer.
            name: of the reference, to be written down.

        Raises:
            CheckpointError: there is no reference.
        """
        if reference is None and not hasattr(learner.model.model, "disable_adapter"):
            raise CheckpointError("An implicit reward needs a reference: another model, or an adapter (LoRA), whose base it is.")
        self.learner, self.encoder = learner, encoder
        self._reference, self._name = reference, name

    @classmethod
    def load(
        cls,
        path: str,
        ref: str | None = None,
        options: LearningOptions | None = None,
        *,
        template: Template | None = None,
        device: Device = "auto",
        trust_remote_code: bool = False,
    ) -> "ImplicitReward":
        """Go on from a checkpoint; one that `save` wrote brings its optimiser and its reference.

        Args:
            path: of the model to train: a folder, a name on the hub, or an adapter.
            ref: of the reference; what the checkpoint says, or the model as it is now, unless given.
            options: objective and optimiser.
            template: how chains are written; what the checkpoint says unless given.
            device: "auto" for CUDA where there is one.
            trust_remote_code: run the code that a checkpoint brings.

        Raises:
            CheckpointError: something cannot be loaded, or the tokenizers differ.
        """
        said = read_settings(path) or ImplicitSettings()
        named = ref or said.reference or path
        if not ref and (Path(path) / named).is_dir():
            named = str(Path(path) / named)
        tokenizer = load_tokenizer(path, trust_remote_code=trust_remote_code)
        model = load_model(path, device, "float32", trust_remote_code=trust_remote_code)
        adapter = hasattr(model, "disable_adapter")
        for name, weight in model.named_parameters():
            weight.requires_grad_(not adapter or "lora_" in name)
        reference = None
        if not adapter or ref:
            require_same_tokens(tokenizer, load_tokenizer(named, trust_remote_code=trust_remote_code), f"{path} and its reference {named}")
            reference = CausalModel(load_model(named, device, "float32", trust_remote_code=trust_remote_code).requires_grad_(False))
        chosen = options or LearningOptions(beta=said.beta)
        made = cls(ImplicitLearner(CausalModel(model), chosen), reference, ChainEncoder(tokenizer, template or said.template, said.separator), named)
        if (Path(path) / STATE_FILE).is_file():
            state = torch.load(Path(path) / STATE_FILE, map_location=made.learner.model.device, weights_only=True)
            made.learner.optimizer.load_state_dict(state["optimizer"])
            made.learner.steps = int(state["steps"])
        return made

    def save(self, directory: str | Path) -> None:
        """Write a checkpoint that `load` goes on from and `implicit:DIRECTORY` scores with; the reference as it is now lies in its folder `reference`."""
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        with quiet(), calm():
            self.learner.model.model.save_pretrained(folder)
            self.encoder.tokenizer.save_pretrained(folder)
            if self._reference is not None:
                self._reference.model.save_pretrained(folder / "reference")
                self.encoder.tokenizer.save_pretrained(folder / "reference")
        temporary = folder / f"{STATE_FILE}.tmp"
        torch.save({"optimizer": self.learner.optimizer.state_dict(), "steps": self.learner.steps}, temporary)
        temporary.replace(folder / STATE_FILE)
        training = {"steps": self.learner.steps, "options": msgspec.to_builtins(self.learner.options), "reference": self._name}
        reference = "reference" if self._reference is not None else ""
        separator = str(self.encoder.tokenizer.decode(self.encoder.separator))
        said = ImplicitSettings(reference=reference, beta=self.learner.options.beta, template=self.encoder.template, separator=separator, training=training)
        write_settings(folder, said)

    def refer_to(self, weights: Any) -> None:
        """Make other weights the reference from now on: those of the policy that acts (iStar).

        Args:
            weights: a module of the same architecture, or its `state_dict`.

        Raises:
            OptionError: the reference is the base of an adapter, which is shared.
            CheckpointError: the weights do not fit.
        """
        if self._reference is None:
            raise OptionError("the reference is the base of the adapter that learns, and cannot be changed; load the model with ref=PATH")
        state = weights.state_dict() if hasattr(weights, "state_dict") else weights
        try:
            self._reference.model.load_state_dict(state)
        except (RuntimeError, TypeError) as error:
            raise CheckpointError(f"these weights are not of the reference's architecture: {error}") from error

    def fit(self, batch: StepBatch, *, epochs: int = 1, batch_chains: int | None = None) -> FitReport:
        """Learn from the outcomes of a batch.

        Args:
            batch: made from trajectories; those of one `group_id` are compared under "dpo".
            epochs: passes over the batch.
            batch_chains: trajectories in a gradient step; all at once unless given. Under "dpo" groups stay together.

        Raises:
            CreditError: the batch was made from arrays.
        """
        examples, skipped = self._examples(batch)
        learned: list[Any] = []
        for _ in range(epochs):
            learned += [self.learner.step(part) for part in self._split(examples, batch_chains)]
        if not learned:
            return FitReport(math.nan, math.nan, 0, skipped, 0, math.nan)
        loss = sum(one.loss for one in learned) / len(learned)
        return FitReport(loss, learned[-1].accuracy, len(examples), skipped, sum(one.pairs for one in learned), learned[-1].gradient)

    def rewards(self, batch: StepBatch) -> "np.ndarray[Any, np.dtype[np.float64]]":
        """[N] float64, r of each step of a batch, as the model and the reference are now; NaN in trajectories longer than the context.

        Raises:
            CreditError: the batch was made from arrays.
        """
        chains = [self.encoder.encode(chain) for chain in _chains(batch)]
        fits = [at for at, chain in enumerate(chains) if self._fits(chain)]
        found: list[Any] = [np.full(len(chain.spans), np.nan) for chain in chains]
        own = self.learner.reference_sums([chains[at] for at in fits])
        for at, mine, theirs in zip(fits, own, self._reference_sums([chains[at] for at in fits]), strict=True):
            found[at] = self.learner.options.beta * (mine - theirs).double().numpy()
        return np.concatenate(found) if found else np.zeros(0)

    def _reference_sums(self, chains: Sequence[Spanned]) -> list[torch.Tensor]:
        if self._reference is not None:
            return self.learner.reference_sums(chains, self._reference)
        with self.learner.model.model.disable_adapter():
            return self.learner.reference_sums(chains)

    def _examples(self, batch: StepBatch) -> tuple[list[Example], int]:
        chains = [self.encoder.encode(chain) for chain in _chains(batch)]
        groups = {key: at for at, key in enumerate(dict.fromkeys(batch.group_ids.tolist()))}
        used = [at for at, chain in enumerate(chains) if self._fits(chain) and math.isfinite(batch.outcomes[at])]
        reference = self._reference_sums([chains[at] for at in used])
        examples = [Example(chains[at], float(batch.outcomes[at]), groups[batch.group_ids[at]], sums) for at, sums in zip(used, reference, strict=True)]
        return examples, len(chains) - len(used)

    def _fits(self, chain: Spanned) -> bool:
        return len(chain.spans) > 0 and len(chain.token_ids) <= self.learner.model.longest

    def _split(self, examples: Sequence[Example], size: int | None) -> list[list[Example]]:
        if not examples:
            return []
        if size is None:
            return [list(examples)]
        if self.learner.options.objective == "cross-entropy":
            return [list(examples[start : start + size]) for start in range(0, len(examples), size)]
        parts: list[list[Example]] = [[]]
        for group in dict.fromkeys(example.group for example in examples):
            if len(parts[-1]) >= size:
                parts.append([])
            parts[-1].extend(example for example in examples if example.group == group)
        return parts


def _chains(batch: StepBatch) -> list[Chain]:
    if batch.trajectories is None:
        raise CreditError("This batch was made from arrays and has no text to learn from; StepBatch.from_trajectories keeps it.")
    return [chain_of_trajectory(trajectory) for trajectory in batch.trajectories]
