"""Learner: a causal language model, its optimiser, and one update at a time from token sequences.

    learner = Learner(model, LearningOptions(learning_rate=1e-4, kl_weight=0.01))
    metrics = learner.update(sequences, credit.advantages, credit.keep)

The gradient of an optimiser's step does not depend on how its batch is cut into parts that fit the memory, nor on how many processes share them.
"""

import copy
import json
import math
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from prm_gym.agents.causal_lm.columns import StepColumns, require_rows, step_columns
from prm_gym.agents.causal_lm.learning_options import LearningOptions
from prm_gym.agents.causal_lm.objectives import Critique, ImitationObjective, Objective, PolicyObjective, PreferenceObjective
from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.diagnostics import explained_share
from prm_gym.errors import CheckpointError, ContractError, DivergedError, OptionError
from prm_gym.lm.batching import length_sorted
from prm_gym.lm.optimizing import Hyperparameters, Optimizer
from prm_gym.lm.parallel import Parallel, like, whole
from prm_gym.lm.policy_network import PolicyNetwork, PolicyReadings
from prm_gym.lm.sequences import TokenSequence
from prm_gym.lm.tensor_files import read_tensors, write_tensors
from prm_gym.lm.token_table import TokenTable, collated, kept_actions, token_table
from prm_gym.prm.training.optimizing import rate_at

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    from prm_gym.errors import MissingExtraError

    raise MissingExtraError("torch", "torch") from error

STATE_FILE, REFERENCE_FILE = "learner.safetensors", "reference.safetensors"
FORMAT = 2
NAMED = 5  # sequences or weights that an error names


class SequencePair(NamedTuple):
    """Two actions after the same beginning, one of them better.

    Attributes:
        chosen: the sequence with the better action.
        rejected: that with the worse one.
        weight: of the pair in the loss, >= 0.
    """

    chosen: TokenSequence
    rejected: TokenSequence
    weight: float = 1.0


class Learner:
    """Learns from token sequences."""

    def __init__(self, model: nn.Module, options: LearningOptions) -> None:
        """Take a model as it is: it is the reference, if one is kept, until something is imitated before the first update.

        Args:
            model: a causal language model of Hugging Face, on its device, whole or with PEFT's adapters; what requires a gradient is trained.
            options: how it learns.

        Raises:
            CheckpointError: the model's head is none that is known here.
            OptionError: nothing of it is trained, or the options do not fit it.
        """
        self.options = options
        self.parallel = Parallel(options.parallel)
        self.network = PolicyNetwork(model, options.temperature, value_seed=options.seed if options.value_weight else None)
        self.network.eval()  # dropout would make ratios of a policy to itself other than 1
        self.device = self.network.device
        weights = {name: weight for name, weight in self.network.named_parameters() if weight.requires_grad}
        if not any(name.startswith("model.") for name in weights):
            raise OptionError("no weight of the model requires a gradient: there is nothing to train")
        gathered = weights.values() if options.parallel == "ddp" else self.network.parameters()  # shards of one layer have one type
        if options.parallel != "none" and any(weight.dtype != torch.float32 for weight in gathered):
            raise OptionError(f"parallel={options.parallel!r} needs the weights in float32 (products are bfloat16 where precision says so)")
        self._adapted = hasattr(model, "disable_adapter")
        self._reference = self._frozen(model) if options.needs_reference and not self._adapted else None
        self._recomputed_layers = self.network.recompute_layers() if options.gradient_checkpointing else []
        self.module = self.parallel.wrapped(self.network, self.network.layers)
        named = {name: weight for name, weight in self.network.named_parameters() if weight.requires_grad}  # sharding makes new ones
        chosen = Hyperparameters(options.learning_rate, options.weight_decay, options.clip_norm)
        self.optimizer = Optimizer(named, chosen, fused=options.parallel != "fsdp")
        self.steps = 0
        self._begun = False  # with updates or preferences, from which on the reference stays as it is
        self._random = np.random.default_rng(options.seed)
        wanted = {"auto": torch.bfloat16 if self.device.type == "cuda" else torch.float32, "float32": torch.float32, "bfloat16": torch.bfloat16}
        self._precision = wanted[options.precision]

    def update(
        self, sequences: Sequence[TokenSequence], advantages: FloatArray, keep: npt.NDArray[np.bool_] | None = None, returns: FloatArray | None = None
    ) -> dict[str, float]:
        """Learn from advantages.

        Args:
            sequences: of steps whose rows are in [0, N), each at most once.
            advantages: [N] float64, per step.
            keep: [N] bool: the others are only what came before; None keeps all.
            returns: [N] float64, per step, what values are fitted to; needed where there is a value head.

        Returns:
            Means over the optimiser steps: loss, policy_loss, entropy (nats a token), clipped (share of the tokens), kl_old (estimate of the divergence from
            the policy before the update), kl_reference, value_loss, explained (1 - Var(G - V) / Var(G), before the update), importance (mean weight),
            gradient_norm (before it was clipped), rate; and the tokens and steps that were learned from. Empty where nothing was: no step is kept, or all
            advantages are 0 and nothing else is in the loss; the optimiser then makes no step, which would move the weights by its momentum alone.

        Raises:
            ContractError: what is given does not fit together or is no number.
            DivergedError: a loss or gradient is no number; that step was not taken.
        """
        keep = np.ones(advantages.shape, dtype=np.bool_) if keep is None else keep
        require_rows(sequences, advantages, keep, "advantages")
        chosen = kept_actions(sequences, keep)
        if not chosen:
            return {}
        options, table = self.options, token_table(chosen)
        scale = math.sqrt(float(np.mean(advantages[table.rows] ** 2))) if options.advantage_scale == "rms" else 1.0
        if not advantages[table.rows].any() and not (options.kl_weight or options.entropy_weight or options.value_weight):
            return {}
        scaled = torch.from_numpy((advantages[table.rows] / (scale or 1.0)).astype(np.float32)).to(self.device)
        sampled = torch.from_numpy(table.sampled.astype(np.float32)).to(self.device)
        unknown = np.isnan(table.sampled)
        recompute = options.old == "recomputed" or bool(unknown.any())
        # In a single step from the weights that are asked about, what they say is what the step itself computes.
        fresh = options.epochs * min(options.minibatches, len(chosen)) == 1 and (options.old == "recomputed" or bool(unknown.all()))
        before = self._read(table) if options.value_weight or (recompute and not fresh) else None
        old = None if fresh else sampled
        if before is not None and recompute and not fresh:
            old = before.logprobs if options.old == "recomputed" else torch.where(sampled.isnan(), before.logprobs, sampled)
        reference = self._read_reference(table) if options.kl_weight else None
        critique, explained = self._critique(table, before, returns)
        steps = torch.from_numpy(table.steps).to(self.device)
        objective = PolicyObjective(table, options, scaled[steps], old, reference, critique)
        self._begun = True
        metrics = self._fit(objective, options.epochs, options.minibatches)
        return metrics | explained | {"advantage_scale": scale, "tokens": float(len(table.steps)), "steps": float(len(table.rows))}

    def imitate(self, sequences: Sequence[TokenSequence], weights: FloatArray, epochs: int = 1, minibatches: int = 1) -> dict[str, float]:
        """Learn to do what was done: weighted maximum likelihood. What is imitated before the first update moves the reference along.

        Args:
            sequences: of steps whose rows are in [0, N).
            weights: [N] float64 >= 0, per step; those of weight 0 are only what came before.
            epochs: passes.
            minibatches: optimiser steps in each.

        Returns:
            Means over the optimiser steps: loss (nats a token), entropy, gradient_norm, rate. Empty where nothing was learned from.

        Raises:
            ContractError: weights that are negative or no numbers.
            DivergedError: a loss or gradient is no number; that step was not taken.
        """
        require_rows(sequences, weights, np.ones(weights.shape, dtype=np.bool_), "weights")
        if (weights < 0.0).any():
            raise ContractError("weights of steps are not negative")
        chosen = kept_actions(sequences, weights > 0.0)
        if not chosen:
            return {}
        table = token_table(chosen)
        options = self.options
        rate = options.imitation_rate or options.learning_rate
        metrics = self._fit(ImitationObjective(table, options, weights[table.rows], self.device), epochs, minibatches, rate / options.learning_rate)
        if not self._begun:
            self._move_reference()
        return metrics

    def prefer(self, pairs: Sequence[SequencePair], epochs: int = 1, minibatches: int = 1) -> dict[str, float]:
        """Learn to do the better of two actions.

        Returns:
            Means over the optimiser steps: loss, margin, right (share of the pairs whose margin is positive), gradient_norm, rate. Empty without pairs.

        Raises:
            OptionError: the form needs a reference and none is kept.
            DivergedError: a loss or gradient is no number; that step was not taken.
        """
        pairs = [pair for pair in pairs if pair.weight > 0.0]
        if not pairs:
            return {}
        table = token_table([sequence for pair in pairs for sequence in (pair.chosen, pair.rejected)])
        reference = None if self.options.preference == "simpo" else self._read_reference(table)
        weights = np.array([pair.weight for pair in pairs], dtype=np.float64)
        self._begun = True
        return self._fit(PreferenceObjective(table, self.options, weights, reference, self.device), epochs, minibatches)

    def columns(self, sequences: Sequence[TokenSequence], count: int, reference: bool = False) -> StepColumns:
        """What the policy (or the reference) says of steps.

        Args:
            sequences: of steps whose rows are in [0, N).
            count: N.
            reference: ask the reference.

        Raises:
            OptionError: there is no reference.
        """
        table = token_table([sequence for sequence in sequences if sequence.actions])
        said: Sequence[Tensor | None] = [self._read_reference(table)] if reference else self._read(table)
        return step_columns(table, count, *(None if numbers is None else numbers.double().cpu().numpy() for numbers in said))

    def save(self, directory: Path) -> None:
        """Write optimiser, value head, counts and reference beside the weights of the model, which whoever made it saves. Every process has to call this."""
        tensors = {f"optimizer/{name}": value for name, value in self.optimizer.state().items()}
        if self.network.value_head is not None:
            tensors |= {f"value_head/{name}": whole(value.detach()) for name, value in self.network.value_head.named_parameters()}
        header = {"format": FORMAT, "steps": self.steps, "begun": self._begun, "random": self._random.bit_generator.state}
        kept = {} if self._reference is None else {name: whole(value.detach()) for name, value in self._reference.named_parameters()}
        if self.parallel.rank == 0:
            directory.mkdir(parents=True, exist_ok=True)
            if kept:
                write_tensors(directory / REFERENCE_FILE, kept, {})
            write_tensors(directory / STATE_FILE, tensors, {"learner": json.dumps(header)})

    def load(self, directory: Path) -> None:
        """Put back what `save` wrote; the model's weights are put back by whoever made it, before.

        Raises:
            CheckpointError: it is of another model, other options or another version, or cannot be read.
        """
        tensors, header = read_tensors(directory / STATE_FILE)
        said: dict[str, Any] = json.loads(header.get("learner", "{}"))
        if said.get("format") != FORMAT:
            raise CheckpointError(f"{directory / STATE_FILE} has the format {said.get('format')!r}; this version reads {FORMAT}")
        of_optimizer, of_head = (_under(tensors, kind) for kind in ("optimizer/", "value_head/"))
        if bool(of_head) != (self.network.value_head is not None):
            raise CheckpointError(f"{directory}: a checkpoint with a value head is needed for value_weight > 0, and one without it else")
        self.optimizer.load_state(of_optimizer)
        if self.network.value_head is not None:
            _put(self.network.value_head, of_head, directory)
        if self._reference is not None:
            _put(self._reference, read_tensors(directory / REFERENCE_FILE)[0], directory)
        self.steps, self._begun = int(said["steps"]), bool(said["begun"])
        self._random.bit_generator.state = said["random"]

    # What follows is what updates are made of.

    def _fit(self, objective: Objective, epochs: int, minibatches: int, pace: float = 1.0) -> dict[str, float]:
        """Optimiser steps on all units of an objective, some passes over, at the learning rate times `pace`; their mean metrics."""
        units = len(objective.table.sequences) // objective.unit
        taken: list[dict[str, float]] = []
        for layer in self._recomputed_layers:
            layer.training = True  # of these alone: their own flag decides whether they are computed again, and dropout stays off
        try:
            for _ in range(epochs):
                order = self._random.permutation(units)
                for chosen in np.array_split(order, min(minibatches, units)):
                    taken.append(self._step(objective, chosen.tolist(), pace))
        finally:
            for layer in self._recomputed_layers:
                layer.training = False
        return {name: float(np.mean([metrics[name] for metrics in taken])) for name in taken[0]}

    def _step(self, objective: Objective, units: list[int], pace: float) -> dict[str, float]:
        """One step of the optimiser on some units."""
        size, rank = self.parallel.size, self.parallel.rank
        objective.begin(_places(objective, units))
        parts = self._parts(objective, units)
        rounds = -(-len(parts) // size)
        losses = torch.zeros(len(objective.table.sequences) // objective.unit, device=self.device)
        figures: dict[str, Tensor] = {}
        for round_ in range(rounds):
            at = round_ * size + rank
            part = parts[at] if at < len(parts) else parts[-1]  # sharded weights are gathered by all at once: who has nothing left computes what counts nothing
            with self.parallel.part(self.module, last=round_ == rounds - 1), self.optimizer.collecting():
                measured = objective.measure(_places(objective, part), self._ask(self.module, objective.table, _places(objective, part)))
                counts = 1.0 if at < len(parts) else 0.0
                (measured.losses.sum() * (size * counts)).backward()
            losses[part] += measured.losses.detach() * counts
            for name, figure in measured.figures.items():
                figures[name] = figures.get(name, torch.zeros((), device=self.device)) + figure.float() * counts
        losses = self.parallel.total(losses)
        norm = self.optimizer.clip()
        total = float(losses.sum())
        if not (math.isfinite(total) and math.isfinite(norm)):
            self._refuse(objective, units, losses)
        factor = self._factor() * pace
        self.optimizer.step(factor)
        self.steps += 1
        numbers = self.parallel.total(torch.stack(list(figures.values()))).tolist()
        return {"loss": total, **dict(zip(figures, numbers, strict=True)), "gradient_norm": norm, "rate": self.options.learning_rate * factor}

    def _parts(self, objective: Objective, units: list[int]) -> list[list[int]]:
        """The units in parts that fit the memory, the longest first."""
        lengths = objective.table.lengths
        longest = [int(lengths[_places(objective, [unit])].max()) * objective.unit for unit in units]
        return [[units[at] for at in part] for part in length_sorted(longest, self.parallel.room(longest, self.options.batch_tokens))]

    def _ask(self, module: nn.Module, table: TokenTable, places: Sequence[int]) -> PolicyReadings:
        with self._autocast():
            return cast("PolicyReadings", module(collated(table, places, self.device)))

    def _refuse(self, objective: Objective, units: list[int], losses: Tensor) -> None:
        """Say where a step is no number, and leave everything as it was before it."""
        wrong = [unit for unit in units if not math.isfinite(float(losses[unit]))]
        where = "the loss"
        if not wrong:
            where = f"the gradient (of {', '.join(self.optimizer.spoilt()[:NAMED]) or 'all weights together: its norm overflows'})"
            wrong = self._culprits(objective, units)
        self.optimizer.forget()
        named = [self._named(objective, unit) for unit in wrong[:NAMED]] or ["the batch as a whole"]
        more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        raise DivergedError(
            f"{where} is no number in optimiser step {self.steps + 1}: {'; '.join(named)}{more}. The step was not taken; weights and optimiser are those after "
            f"step {self.steps}. A lower learning_rate than {self.options.learning_rate:g}, or a tighter clip_norm, may help."
        )

    def _culprits(self, objective: Objective, units: list[int]) -> list[int]:
        """Units whose own gradient is no number; not looked for where other processes would have to take part."""
        if self.parallel.size > 1:
            return []
        wrong: list[int] = []
        for unit in units:
            self.optimizer.forget()
            places = _places(objective, [unit])
            with self.optimizer.collecting():
                objective.measure(places, self._ask(self.module, objective.table, places)).losses.sum().backward()
            if self.optimizer.spoilt():
                wrong.append(unit)
        return wrong

    def _named(self, objective: Objective, unit: int) -> str:
        rows = objective.table.rows[objective.table.actions_of(_places(objective, [unit]))]
        kind = "sequence" if objective.unit == 1 else "pair"
        return f"{kind} {unit} (rows {', '.join(map(str, rows[:NAMED].tolist()))}{', ...' if len(rows) > NAMED else ''} of the batch)"

    def _factor(self) -> float:
        """Of the learning rate in the next step."""
        options = self.options
        if options.total:
            return rate_at(min(self.steps, options.total - 1), options.total, options.warmup / options.total, options.schedule)
        return min(1.0, (self.steps + 1) / options.warmup) if options.warmup else 1.0

    @torch.no_grad()
    def _read(self, table: TokenTable, network: nn.Module | None = None) -> PolicyReadings:
        """What a network says of all tokens [R] and actions [K] of a table, each process asking about its share."""
        lengths = table.lengths.tolist()
        parts = length_sorted(lengths, self.parallel.room(lengths, self.options.batch_tokens))
        size, rank = self.parallel.size, self.parallel.rank
        logprobs, entropies = (torch.zeros(len(table.steps), device=self.device) for _ in range(2))
        values = torch.zeros(len(table.rows), device=self.device)
        headed = network is None and self.network.value_head is not None
        for round_ in range(-(-len(parts) // size)):
            at = round_ * size + rank
            part = parts[at] if at < len(parts) else parts[-1]
            said = self._ask(network or self.network, table, part)
            if at < len(parts):
                tokens = torch.from_numpy(table.tokens_of(part)).to(self.device)
                logprobs[tokens], entropies[tokens] = said.logprobs, said.entropies
                if said.values is not None:
                    values[torch.from_numpy(table.actions_of(part)).to(self.device)] = said.values
        for numbers in (logprobs, entropies, values):
            self.parallel.total(numbers)
        return PolicyReadings(logprobs, entropies, values if headed else None)

    def _read_reference(self, table: TokenTable) -> Tensor:
        """[R] float32, log-probabilities under the reference."""
        if self._adapted:
            with cast("Any", self.network.model).disable_adapter():
                return self._read(table).logprobs
        if self._reference is None:
            raise OptionError("this learner keeps no reference: give kl_weight > 0 or keep_reference=True (preference='simpo' needs none)")
        return self._read(table, self._reference).logprobs

    def _critique(self, table: TokenTable, before: PolicyReadings | None, returns: FloatArray | None) -> tuple[Critique | None, dict[str, float]]:
        """What values are fitted to, and how much of it they say already."""
        if before is None or before.values is None:
            return None, {}
        if returns is None or not np.isfinite(returns[table.rows]).all():
            raise ContractError("a value head is fitted to the returns of the steps, which are not given or no numbers")
        wanted = returns[table.rows]
        explained = explained_share(wanted, before.values.double().cpu().numpy())
        return Critique(torch.from_numpy(wanted.astype(np.float32)).to(self.device), before.values), explained

    @torch.no_grad()
    def _move_reference(self) -> None:
        """Make the reference the policy as it is, where it is a copy of its own."""
        if self._reference is not None:
            present = dict(self.network.named_parameters())
            for name, weight in self._reference.named_parameters():
                weight.copy_(present[name])

    def _frozen(self, model: nn.Module) -> PolicyNetwork:
        """A copy that is only read."""
        network = PolicyNetwork(copy.deepcopy(model), self.options.temperature).requires_grad_(False)
        self.parallel.wrapped(network, network.layers, frozen=True)
        return network

    def _autocast(self) -> Any:
        return torch.autocast(self.device.type, dtype=self._precision) if self._precision != torch.float32 else nullcontext()


def _places(objective: Objective, units: Sequence[int]) -> list[int]:
    """The sequences of some units, in their order."""
    return [unit * objective.unit + half for unit in units for half in range(objective.unit)]


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _put(module: nn.Module, stored: dict[str, Tensor], directory: Path) -> None:
    weights = dict(module.named_parameters())
    if weights.keys() != stored.keys() or any(weights[name].shape != value.shape for name, value in stored.items()):
        raise CheckpointError(f"{directory} holds the state of another model")
    with torch.no_grad():
        for name, value in stored.items():
            weights[name].copy_(like(value, weights[name]))
