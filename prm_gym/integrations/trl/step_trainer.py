"""StepGRPOTrainer: TRL's GRPOTrainer with one advantage a step, from any of our assigners.

    StepGRPOTrainer(model, credit="grpo_ps", scorer=TextScorer("sequence(arithmetic, equivalence)", reward="dense"), args=..., train_dataset=...)
    StepGRPOTrainer(model, credit="gigpo?gamma=0.95", environment_factory=environment_factory("prm_gym/Retail-v0"), ...)
    StepGRPOTrainer(model, credit="salt", rollout_func=rollouts, train_dataset=rollouts.dataset(), ...)

The steps are those of the completion's text, of the turns in an environment, or of a roll-out. Groups are gathered from all processes before credit is
assigned; each token then gets the advantage of its step. Steps that the credit takes out (`keep`), completions of which nothing can be told, and tokens that
the policy did not write are in no mask and have no gradient.

Source: TRL 1.16, `GRPOTrainer._compute_loss`, which takes advantages of shape (B, T) from subclasses.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np

from prm_gym.credit import Credit, StepBatch, assign
from prm_gym.errors import ContractError, MissingExtraError, OptionError
from prm_gym.integrations.completions import CompletionScorer
from prm_gym.integrations.packages import package
from prm_gym.integrations.spans import Spans, spans_of_pieces, spans_of_turns, steps_of_turns
from prm_gym.integrations.trl.environments import ToolEnvironment, require_environment
from prm_gym.integrations.trl.rewards import RewardFunction, trajectory_reward
from prm_gym.trajectory import Trajectory

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "trl") from error

_GRPOTrainer: Any = package("trl", "trl").GRPOTrainer
_gather_object: Callable[[list[Any]], list[Any]] = package("accelerate.utils", "trl").gather_object

SEQUENCE_LOSSES = ("luspo", "vespo")
Inputs: TypeAlias = dict[str, Any]


class SpannedEpisode(NamedTuple):
    """A completion as an episode whose steps have tokens.

    Attributes:
        trajectory: None where nothing is known, which trains nobody.
        spans: one a step.
        reason: why there is no trajectory; else empty.
    """

    trajectory: Trajectory | None
    spans: Spans
    reason: str = ""


class StepGRPOTrainer(_GRPOTrainer):
    """GRPO whose advantages are assigned to steps.

    Attributes:
        episodes: of the last batch, with the reasons where there is no credit.
        credit_given: to their steps; None before the first batch, and where nothing was known of any.
    """

    def __init__(
        self,
        model: Any,
        reward_funcs: Any = None,
        *,
        credit: str = "grpo",
        credit_options: Mapping[str, Any] | None = None,
        scorer: CompletionScorer | None = None,
        prepare: Callable[[StepBatch], StepBatch] | None = None,
        **options: Any,
    ) -> None:
        """Choose the credit and where steps come from.

        Args:
            model: as GRPOTrainer takes it.
            reward_funcs: further ones: what they say, times its weight, is paid with the last step. None for none. Where nothing else says what steps are, the
                first `RewardFunction` does by its scorer, and is no further one.
            credit: an assigner or pipeline (`prm-gym credit` lists them).
            credit_options: its keyword options.
            scorer: of plain completions. None where an `environment_factory` or `rollout_func` of ours is given.
            prepare: adds the columns that the credit needs beyond those of trajectories and `n_tokens` (values, roll-outs ...), alike in every process. None
                adds none.
            **options: of GRPOTrainer.

        Raises:
            OptionError: no steps, two sources of them, or a loss over whole sequences (importance sampling by sequence, luspo, vespo, off-policy masks, Liger).
        """
        funcs: list[Any] = [] if reward_funcs is None else list(reward_funcs) if isinstance(reward_funcs, list | tuple) else [reward_funcs]  # pyright: ignore[reportUnknownArgumentType]
        funcs = [each for each in funcs if each is not trajectory_reward]
        environments, rollouts = options.get("environment_factory") is not None, options.get("rollout_func") is not None
        if scorer is None and not environments and not rollouts:
            scorer, funcs = _brought(funcs)
        if (scorer is not None) + environments + rollouts != 1:
            raise OptionError("steps come from one of: scorer, environment_factory (prm_gym.integrations.trl), rollout_func (EnvironmentRollouts)")
        own = [] if environments else [trajectory_reward]  # TRL asks environments itself, and puts them last
        if options.get("args") is not None:
            require_token_level(options["args"])
            options["args"] = _weighed(options["args"], len(funcs), bool(own))
        self.scorer, self._further = scorer, len(funcs)
        self.credit, self.credit_options, self.prepare = credit, dict(credit_options or {}), prepare
        self.episodes: list[SpannedEpisode] = []
        self.credit_given: Credit | None = None
        self._masks: list[list[int]] | None = None
        self._rewards: Tensor = torch.zeros(0, 0)
        super().__init__(model, [*funcs, *own] or None, **options)
        require_token_level(self.args)

    def _generate(self, prompts: list[Any]) -> Any:
        parent: Any = super()
        generated: tuple[Any, ...] = parent._generate(prompts)
        self._masks = generated[2]
        return generated

    def _calculate_rewards(self, inputs: list[Inputs], prompts: list[Any], completions: list[Any], completion_ids_list: list[list[int]]) -> Any:
        if self.scorer is not None:
            self.episodes = self._of_texts(inputs, prompts, completions, completion_ids_list)
        elif self.environments is not None:
            self.episodes = [self._of_environment(row, each) for row, each in enumerate(completions)]
        else:
            self.episodes = [_of_rollout(row) for row in inputs]
        rows = [{**row, "trajectory": episode.trajectory} for row, episode in zip(inputs, self.episodes, strict=True)]
        parent: Any = super()
        self._rewards = parent._calculate_rewards(rows, prompts, completions, completion_ids_list)
        return self._rewards

    def _generate_and_score_completions(self, inputs: list[Inputs]) -> dict[str, Any]:
        parent: Any = super()
        output: dict[str, Any] = parent._generate_and_score_completions(inputs)
        mode = "train" if self.model.training else "eval"
        group = int(self.num_generations if mode == "train" else self.num_generations_eval)
        everybody: list[SpannedEpisode] = _gather_object(self.episodes)
        rows, batch = self._batch(everybody, group)
        self.credit_given = None if batch is None else assign(self.credit, batch, **self.credit_options)
        shape = tuple(output["completion_ids"].shape)
        first = int(self.accelerator.process_index) * len(self.episodes)
        places = {row - first: place for place, row in enumerate(rows)}
        advantages, taught = np.zeros(shape), np.zeros(shape, dtype=bool)
        for row, episode in enumerate(self.episodes):
            if self.credit_given is None or batch is None or row not in places:
                continue
            begin = int(batch.offsets[places[row]])
            for step, (start, end) in enumerate(episode.spans):
                advantages[row, start:end] = self.credit_given.advantages[begin + step]
                taught[row, start:end] = self.credit_given.keep[begin + step]
        self._put(output, advantages * taught, taught)
        self._tell(mode, everybody)
        return output

    def _batch(self, everybody: Sequence[SpannedEpisode], group: int) -> tuple[list[int], StepBatch | None]:
        """Which of the gathered completions have credit, and their steps; TRL's groups stand in a row."""
        further = self._further_rewards()
        rows: list[int] = []
        trajectories: list[Trajectory] = []
        for row, (each, _, _) in enumerate(everybody):
            if each is not None:
                last = msgspec.structs.replace(each.steps[-1], reward=each.steps[-1].reward + further[row])
                rows.append(row)
                trajectories.append(msgspec.structs.replace(each, id=str(row), group_id=str(row // group), steps=(*each.steps[:-1], last)))
        tasks: dict[str, str] = {}
        for each in trajectories:
            if tasks.setdefault(each.group_id, each.task_key) != each.task_key:
                raise ContractError("the attempts of a group are at different tasks: every row of the data set needs one seed (or problem) of its own")
        if not trajectories:
            return rows, None
        lengths = np.array([end - begin for row in rows for begin, end in everybody[row].spans], dtype=np.float64)
        batch = StepBatch.from_trajectories(trajectories).with_columns({"n_tokens": lengths})
        return rows, batch if self.prepare is None else self.prepare(batch)

    def _further_rewards(self) -> Any:
        """[B of all processes], of the further reward functions together; 0 of one that cannot tell."""
        further = self._rewards[:, : self._further].double() * self.reward_weights[: self._further].to(self._rewards.device)
        return further.nansum(dim=1).cpu().numpy()

    def _put(self, output: dict[str, Any], advantages: Any, taught: Any) -> None:
        mask: Tensor = output["completion_mask"]
        own: Tensor = output.get("tool_mask", torch.ones_like(mask))
        output["advantages"] = torch.as_tensor(advantages, dtype=torch.float32, device=mask.device)
        output["tool_mask"] = own * torch.as_tensor(taught, dtype=own.dtype, device=mask.device)
        output["num_items_in_batch"] = self.accelerator.gather((mask * output["tool_mask"]).sum()).sum()

    def _tell(self, mode: str, everybody: Sequence[SpannedEpisode]) -> None:
        metrics = self._metrics[mode]
        metrics["credit/left_out_share"].append(sum(each.trajectory is None for each in everybody) / max(1, len(everybody)))
        if self.credit_given is not None:
            metrics["credit/kept_share"].append(float(self.credit_given.keep.mean()))
            for name, figure in self.credit_given.diagnostics.items():
                metrics[f"credit/{name}"].append(float(figure))

    def _of_texts(self, inputs: list[Inputs], prompts: list[Any], completions: list[Any], ids: list[list[int]]) -> list[SpannedEpisode]:
        columns = {name: [row[name] for row in inputs] for name in inputs[0] if name not in ("prompt", "completion", "completion_ids")}
        found: list[SpannedEpisode] = []
        scorer = self.scorer
        if scorer is None:
            return found
        for scored, tokens in zip(scorer.score(prompts, completions, columns), ids, strict=True):
            spans = spans_of_pieces(self._tokenizer, tokens, scored.pieces)
            if scored.trajectory is None:
                found.append(SpannedEpisode(None, (), scored.reason))
            elif spans is None:
                found.append(SpannedEpisode(None, (), "the text of the completion is not what its tokens say"))
            else:
                found.append(SpannedEpisode(scored.trajectory, spans))
        return found

    def _of_environment(self, row: int, messages: list[Mapping[str, Any]]) -> SpannedEpisode:
        environment: ToolEnvironment = require_environment(self.environments[row])
        if environment.episode is None:
            return SpannedEpisode(None, (), environment.fault)
        tools = [tool.__name__ for tool in self._env_tools[self._batch_environments[row]]]
        turns = steps_of_turns(messages, tools, environment.calls)
        spans = () if self._masks is None else spans_of_turns(self._masks[row])
        if turns is None or len(turns) != len(spans):
            return SpannedEpisode(None, (), "the turns of the completion are not the calls that reached the environment")
        trajectory = environment.episode.trajectory(str(row), str(row), turns)
        if trajectory is None:
            return SpannedEpisode(None, (), "the infrastructure spoilt the episode")
        return SpannedEpisode(trajectory, spans[: len(trajectory.steps)])


def _brought(funcs: list[Any]) -> tuple[CompletionScorer | None, list[Any]]:
    """The scorer of the first reward function of ours, and the other functions."""
    first = next((each for each in funcs if isinstance(each, RewardFunction)), None)
    if first is None:
        return None, funcs
    if first.measure != "return":
        raise OptionError(f"steps are paid the rewards of their scheme; the measure {first.measure!r} is one of whole completions: take measure='return'")
    return first.scorer, [each for each in funcs if each is not first]


def _weighed(arguments: Any, further: int, own: bool) -> Any:
    """The arguments with a weight for the steps' own rewards."""
    weights = getattr(arguments, "reward_weights", None)
    if weights is None:
        return arguments
    if len(weights) != further:
        raise OptionError(f"reward_weights are those of the {further} further reward functions, got {len(weights)}; the steps' own rewards have the weight 1")
    given = copy.copy(arguments)  # the caller's stay as they are
    given.reward_weights = [*weights, *([1.0] if own else [])]
    return given


def _of_rollout(row: Inputs) -> SpannedEpisode:
    if "trajectory" not in row or "step_spans" not in row:
        raise OptionError("the rollout_func gives no 'trajectory' and 'step_spans': take prm_gym.integrations.trl.EnvironmentRollouts, or return them")
    trajectory: Trajectory | None = row["trajectory"]
    if trajectory is None:
        return SpannedEpisode(None, (), "the infrastructure spoilt the episode")
    spans = tuple((int(begin), int(end)) for begin, end in row["step_spans"])
    if len(spans) != len(trajectory.steps):
        return SpannedEpisode(None, (), f"{len(trajectory.steps)} steps have {len(spans)} spans")
    return SpannedEpisode(trajectory, spans)


def require_token_level(arguments: Any) -> None:
    """Refuse what has no place for one advantage a token.

    Args:
        arguments: a `GRPOConfig`.

    Raises:
        OptionError: the loss is one over whole sequences, or fused (Liger).
    """
    if getattr(arguments, "importance_sampling_level", "token") != "token":
        raise OptionError(f"advantages of steps need importance_sampling_level='token', got {arguments.importance_sampling_level!r}")
    if arguments.loss_type in SEQUENCE_LOSSES:
        raise OptionError(f"the loss {arguments.loss_type!r} weighs whole sequences; advantages of steps need another, such as 'dapo' or 'grpo'")
    if getattr(arguments, "off_policy_mask_threshold", None) is not None:
        raise OptionError("off_policy_mask_threshold masks whole sequences by the sign of their one advantage; leave it out")
    if getattr(arguments, "use_liger_kernel", False) or getattr(arguments, "use_liger_loss", False):
        raise OptionError("Liger's fused loss takes one advantage a completion; set use_liger_kernel=False")
