"""What an optimiser's step minimises: losses of the sequences of a batch, which add up over its parts."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from prm_gym.agents.causal_lm.learning_options import LearningOptions
from prm_gym.credit.array_types import FloatArray
from prm_gym.lm.kl import kl_estimate
from prm_gym.lm.policy_loss import clipped_loss, log_ratios, token_weights, truncated_weights, weighted_loss
from prm_gym.lm.policy_network import PolicyReadings
from prm_gym.lm.preference_loss import dpo_loss, ipo_loss, simpo_loss
from prm_gym.lm.token_table import TokenTable
from prm_gym.lm.value import value_loss


class Measured(NamedTuple):
    """What a part of a batch has.

    Attributes:
        losses: [u] float32, one a unit (a sequence, or a pair), with gradient; the sum over all units of the step is the loss.
        figures: sums whose totals over the parts are means over the step's batch, without gradient.
    """

    losses: Tensor
    figures: dict[str, Tensor]


class Objective(Protocol):
    """What an optimiser's step minimises.

    Attributes:
        table: of all sequences.
        unit: how many of them, one after the other, have a loss together.
    """

    table: TokenTable
    unit: int

    def begin(self, places: Sequence[int]) -> None:
        """Settle what each token counts for in the step that these sequences make up."""
        ...

    def measure(self, places: Sequence[int], readings: PolicyReadings) -> Measured:
        """The losses of some of them, from what the policy says of their actions."""
        ...


class Local(NamedTuple):
    """The tokens of a part.

    Attributes:
        tokens: [r] int64, in the table.
        owners: [r] int64, sequence of each, counted in the part.
        steps: [r] int64, action of each, likewise.
        actions: [k] int64, in the table.
        action_owners: [k] int64, sequence of each, counted in the part.
    """

    tokens: Tensor
    owners: Tensor
    steps: Tensor
    actions: Tensor
    action_owners: Tensor


def local(table: TokenTable, places: Sequence[int], device: torch.device) -> Local:
    """The tokens and actions of some sequences, on a device."""
    tokens, actions = table.tokens_of(places), table.actions_of(places)
    parts = np.arange(len(places))
    owners = np.repeat(parts, np.diff(table.token_offsets)[list(places)])
    steps = np.unique(table.steps[tokens], return_inverse=True)[1]
    action_owners = np.repeat(parts, np.diff(table.action_offsets)[list(places)])
    return Local(*(torch.from_numpy(column.astype(np.int64)).to(device, non_blocking=True) for column in (tokens, owners, steps, actions, action_owners)))


class Critique(NamedTuple):
    """What the values of steps are fitted to.

    Attributes:
        returns: [K] float32, per action.
        values: [K] float32, what was said of the steps before the update.
    """

    returns: Tensor
    values: Tensor


class PolicyObjective:
    """The policy gradient of advantages, with divergence, entropy and values."""

    unit = 1

    def __init__(
        self, table: TokenTable, options: LearningOptions, advantages: Tensor, old: Tensor | None, reference: Tensor | None, critique: Critique | None
    ):
        """Keep what does not change in the update, on the device of the model.

        Args:
            table: R tokens of K actions.
            options: of the loss.
            advantages: [R] float32, of each token's step.
            old: [R] float32, log-probabilities under the policy that the ratio is taken of; None: the current one, at the first step of an update.
            reference: [R] float32, likewise of the reference; None for no divergence.
            critique: None without a value head.
        """
        self.table, self._options, self._advantages, self._old, self._reference, self._critique = table, options, advantages, old, reference, critique
        self._sampled = torch.from_numpy(table.sampled.astype(np.float32)).to(advantages.device)
        self._weights = torch.zeros_like(advantages)
        self._shares = (0.0, 0.0)

    def begin(self, places: Sequence[int]) -> None:
        """Settle what each token counts for in the step that these sequences make up."""
        tokens = self.table.tokens_of(places)
        weights = token_weights(self._options.normalization, self.table.steps[tokens], self.table.owners[tokens], self._options.length)
        device = self._weights.device
        self._weights[torch.from_numpy(tokens).to(device)] = torch.from_numpy(weights.astype(np.float32)).to(device)
        self._shares = (1.0 / max(1, tokens.size), 1.0 / max(1, self.table.actions_of(places).size))

    def measure(self, places: Sequence[int], readings: PolicyReadings) -> Measured:
        """The losses of some of them, from what the policy says of their actions."""
        options, part = self._options, local(self.table, places, self._weights.device)
        share, action_share = self._shares
        weights = self._weights[part.tokens]
        old = readings.logprobs.detach() if self._old is None else self._old[part.tokens]
        log_ratio = log_ratios(readings.logprobs, old, options.ratio, part.steps, part.owners)
        bound = clipped_loss if options.loss == "clip" else weighted_loss
        dual = {"dual": options.dual_clip} if options.loss == "clip" else {}
        policy = bound(log_ratio, self._advantages[part.tokens], options.clip_low, options.clip_high, **dual)
        losses = policy.values
        figures = {
            "clipped": policy.bounded.float().sum() * share,
            "entropy": readings.entropies.sum() * share,
            "kl_old": kl_estimate(old, readings.logprobs, "k3").sum() * share,
        }
        if options.importance_cap:
            given = torch.nan_to_num(truncated_weights(old, self._sampled[part.tokens], options.importance_cap), nan=1.0)  # not known: taken as it is
            losses = losses * given
            figures["importance"] = given.sum() * share
        figures["policy_loss"] = (weights * losses).sum()
        losses = losses - options.entropy_weight * readings.entropies
        if self._reference is not None:
            divergence = kl_estimate(readings.logprobs, self._reference[part.tokens], options.kl_form)
            losses = losses + options.kl_weight * divergence
            figures["kl_reference"] = divergence.sum() * share
        totals = torch.zeros(len(places), device=weights.device).index_add(0, part.owners, weights * losses)
        if self._critique is not None and readings.values is not None:
            wanted, before = self._critique.returns[part.actions], self._critique.values[part.actions]
            of_values = action_share * value_loss(readings.values, before, wanted, options.value_clip)
            totals = totals.index_add(0, part.action_owners, options.value_weight * of_values)
            figures["value_loss"] = of_values.sum()
        return Measured(totals, {name: figure.detach() for name, figure in figures.items()})


class ImitationObjective:
    """Weighted maximum likelihood of what was done."""

    unit = 1

    def __init__(self, table: TokenTable, options: LearningOptions, weights: FloatArray, device: torch.device) -> None:
        """Keep the weights.

        Args:
            table: R tokens of K actions.
            options: with the normalization.
            weights: [K] float64 > 0, of each action.
            device: of the model.
        """
        self.table, self._options, self._given = table, options, weights[table.steps]
        self._weights = torch.zeros(len(table.steps), device=device)
        self._share = 0.0

    def begin(self, places: Sequence[int]) -> None:
        """Settle what each token counts for: its length's share times its step's weight; they sum to 1 where those of equal steps would."""
        tokens = self.table.tokens_of(places)
        plain = token_weights(self._options.normalization, self.table.steps[tokens], self.table.owners[tokens], self._options.length)
        weights = plain * self._given[tokens]
        weights *= plain.sum() / max(weights.sum(), 1e-12)
        device = self._weights.device
        self._weights[torch.from_numpy(tokens).to(device)] = torch.from_numpy(weights.astype(np.float32)).to(device)
        self._share = 1.0 / max(1, tokens.size)

    def measure(self, places: Sequence[int], readings: PolicyReadings) -> Measured:
        """The losses of some of them, from what the policy says of their actions."""
        part = local(self.table, places, self._weights.device)
        losses = torch.zeros(len(places), device=self._weights.device).index_add(0, part.owners, -self._weights[part.tokens] * readings.logprobs)
        return Measured(losses, {"entropy": readings.entropies.detach().sum() * self._share})


class PreferenceObjective:
    """The better of two sequences' actions, pair by pair: sequences 2j (better) and 2j + 1."""

    unit = 2

    def __init__(self, table: TokenTable, options: LearningOptions, weights: FloatArray, reference: Tensor | None, device: torch.device) -> None:
        """Keep weights and reference.

        Args:
            table: of 2P sequences.
            options: with the form of the loss.
            weights: [P] float64 > 0, of each pair.
            reference: [R] float32, log-probabilities of the tokens under the reference; None for SimPO.
            device: of the model.
        """
        self.table, self._options, self._reference = table, options, reference
        self._weights = torch.from_numpy(weights.astype(np.float32)).to(device)
        self._scale = 0.0

    def begin(self, places: Sequence[int]) -> None:
        """Settle what each pair counts for: its weight's share."""
        self._scale = 1.0 / float(self._weights[[place // 2 for place in places[::2]]].sum())

    def measure(self, places: Sequence[int], readings: PolicyReadings) -> Measured:
        """The losses of some pairs, from what the policy says of their actions."""
        options, part = self._options, local(self.table, places, self._weights.device)
        logprobs = readings.logprobs if self._reference is None else readings.logprobs - self._reference[part.tokens]
        scores = torch.zeros(len(places), device=logprobs.device).index_add(0, part.owners, logprobs)
        if options.preference in ("ipo", "simpo"):
            sizes = torch.zeros_like(scores).index_add(0, part.owners, torch.ones_like(logprobs))
            scores = scores / sizes.clamp(min=1.0)
        margins = scores[::2] - scores[1::2]
        match options.preference:
            case "dpo":
                losses = dpo_loss(margins, options.preference_beta, options.preference_smoothing)
            case "ipo":
                losses = ipo_loss(margins, options.preference_beta)
            case _:
                losses = simpo_loss(margins, options.preference_beta, options.preference_gap)
        weights = self._weights[[place // 2 for place in places[::2]]] * self._scale
        figures = {"margin": weights * margins, "right": weights * (margins > 0.0)}
        return Measured(weights * losses, {name: figure.detach().sum() for name, figure in figures.items()})
