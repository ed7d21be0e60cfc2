"""Agent loops for verl whose rewards stand on the steps: over our environments, and over written solutions.

Source: verl 0.9.1, https://github.com/volcengine/verl (`experimental/agent_loop`, `trainer/ppo/v1/agent_loop_tq.py`).
"""

# verl has an environment of its own and is not installed where types are checked: what comes of it is unknown there.
# pyright: basic, reportMissingImports=false

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from prm_gym.errors import EnvironmentFault, MissingExtraError
from prm_gym.integrations.conversation import Conversation
from prm_gym.integrations.own_thread import OwnThread, own_thread
from prm_gym.integrations.verl_rewards import StepScore

try:
    from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopOutput, register
    from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop
    from verl.utils.profiler import simple_timer
except ImportError as error:
    raise MissingExtraError("verl", "verl") from error


class StepAgentLoopOutput(AgentLoopOutput):
    """What an agent loop gives, with `rm_scores` on the last token of every step where its reward is a `StepScore`."""

    def as_dict(self) -> dict[str, Any]:
        """The output as it goes into the batch of verl's trainer."""
        output = super().as_dict()
        if isinstance(self.reward_score, StepScore):
            output["rm_scores"] = self.reward_score.tokens(output["response_mask"])
        return output


@register("prm_gym_env")
class StepAgentLoop(AgentLoopBase):
    """Plays an episode of one of our environments: each turn of the model is a step.

    The row of the data set says which: `extra_info` with `seed`, and with `env_id`, `env_options` and `options` (of the reset) where they are not those of the
    loop (`rollout.agent.agent_loop_config_path`: a list of `{name: prm_gym_env, _target_: prm_gym.integrations.verl_loops.StepAgentLoop, env_id: ...}`). Its
    prompt is the environment's instructions and what is seen first; `raw_prompt` of the row is not looked at.

    `extra_fields`: `step_rewards`, `step_spans` (from, to in the response), `state_keys`, `next_state_keys`, `step_scores` (by verifier; None where it cannot
    tell), `outcome` (None where it is not known) and `valid`. An episode that the infrastructure spoilt has an empty mask and is not `valid`, so that it trains
    nobody. One that is cut by the length of responses is worth what the environment gives for running out of steps.
    """

    def __init__(self, *arguments: Any, env_id: str = "", env_options: Mapping[str, Any] | None = None, tools: Any = None, **options: Any) -> None:
        """Take the environment.

        Args:
            *arguments: of `AgentLoopBase`.
            env_id: as `gymnasium.make` takes it, for rows that name none.
            env_options: its keyword options.
            tools: verl's own; not used.
            **options: of `AgentLoopBase`.
        """
        super().__init__(*arguments, **options)
        self.env_id, self.env_options = env_id, dict(env_options or {})

    async def run(self, sampling_params: dict[str, Any], **row: Any) -> AgentLoopOutput:
        """Play the episode of a row.

        Raises:
            UnknownNameError: no environment has that id; says the near miss.
            OptionError: it does not take such an option.
            EnvironmentFault: the inference server gave nothing at all.
        """
        told = dict(row.get("extra_info") or {})
        seed = told.get("seed")
        options = {**self.env_options, **(told.get("env_options") or {})}
        async with own_thread(lambda: Conversation(told.get("env_id") or self.env_id, options)) as talk:
            played = _Played(self, talk, sampling_params)
            await played.play(None if seed is None else int(seed), told.get("options"))
            return played.output()


class _Played:
    """An episode under way, and its tokens."""

    def __init__(self, loop: StepAgentLoop, talk: OwnThread[Conversation], sampling_params: dict[str, Any]) -> None:
        self.loop, self.talk, self.sampling = loop, talk, sampling_params
        self.limit: int = loop.rollout_config.response_length
        self.tokens: list[int] = []
        self.mask: list[int] = []
        self.logprobs: list[float] | None = None
        self.spans: list[tuple[int, int]] = []
        self.metrics: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}

    async def play(self, seed: int | None, options: Any) -> None:
        messages = await self.talk.wait(Conversation.begin, seed, options)
        self.tokens = await self.loop.ct_build_initial_tokens(messages)
        request = uuid4().hex
        while True:
            text = await self._written(request)
            if text is None and self.spans:
                return
            if text is None:  # verl takes no empty response, and what it cannot take says nothing of the model
                raise EnvironmentFault("the inference server gave no token to begin with")
            await self.talk.wait(Conversation.reply, text)
            if self.talk.held.episode.ended or len(self.mask) >= self.limit:
                return
            before = [*messages, {"role": "assistant", "content": text}]
            messages = [*before, {"role": "user", "content": self.talk.held.seen()}]
            if not await self._shown(before, messages):
                return

    async def _written(self, request: str) -> str | None:
        """The next turn of the model; None where it wrote no token, of which nothing could be learned."""
        with simple_timer("generate_sequences", self.metrics):
            output = await self.loop.server_manager.generate(request_id=request, prompt_ids=self.tokens, sampling_params=self.sampling)
        begin = len(self.mask)
        logprobs = self.logprobs if self.logprobs is not None else [] if output.log_probs and not self.mask else None
        merged, self.mask, self.logprobs = await self.loop.ct_merge_assistant_token(
            self.tokens, output.token_ids, self.mask, logprobs, assistant_logprobs=output.log_probs or None
        )
        self.tokens = merged.token_ids
        ours = [place for place in range(begin, len(self.mask)) if self.mask[place]]
        if not ours:
            return None
        self.spans.append((ours[0], ours[-1] + 1))
        newest = {"max_global_steps": output.extra_fields.get("max_global_steps")} if self.extra else dict(output.extra_fields)
        self.extra.update({name: value for name, value in newest.items() if value is not None})
        return self.loop.tokenizer.decode(output.token_ids, skip_special_tokens=True)

    async def _shown(self, before: list[Any], messages: list[Any]) -> bool:
        """Put what is seen next behind the tokens; False where there is no room for it."""
        merged, mask, logprobs = await self.loop.ct_merge_context_msg(before, messages, self.tokens, self.mask, self.logprobs)
        if len(mask) >= self.limit:
            return False
        self.tokens, self.mask, self.logprobs = merged.token_ids, mask, logprobs
        return True

    def output(self) -> StepAgentLoopOutput:
        episode = self.talk.held.episode
        trajectory, valid = episode.trajectory("", ""), episode.valid
        outcome, steps = (None, episode.steps) if trajectory is None else (trajectory.outcome, trajectory.steps)
        rewards = [step.reward for step in steps]
        spans = [(begin, min(end, self.limit)) for begin, end in self.spans]
        self.extra |= {
            "step_rewards": rewards,
            "step_spans": spans,
            "state_keys": [step.state_key for step in steps],
            "next_state_keys": [step.next_state_key for step in steps],
            "step_scores": [{name: verdict.score for name, verdict in step.verdicts.items()} for step in steps],
            "outcome": outcome,
            "valid": valid,
            "turn_scores": rewards,
            "tool_rewards": [],
            "reward_extra_info": {"outcome": outcome or 0.0, "valid": float(valid), "steps": float(len(steps))},
        }
        count = len(self.mask)
        output = StepAgentLoopOutput(
            prompt_ids=self.tokens[: len(self.tokens) - count],
            response_ids=self.tokens[len(self.tokens) - count :][: self.limit],
            response_mask=self.mask[: self.limit] if valid else [0] * min(count, self.limit),
            response_logprobs=self.logprobs[: self.limit] if self.logprobs else None,
            num_turns=2 * len(steps),
            metrics={"num_preempted": -1, **self.metrics},
            extra_fields=self.extra,
        )
        output.reward_score = StepScore(rewards, [end for _, end in spans]) if valid else StepScore([], [])
        return output


@register("prm_gym_solution")
class SolutionAgentLoop(SingleTurnAgentLoop):
    """verl's own loop of a single turn, whose response may be paid step by step by `StepRewardManager`."""

    def __init__(self, *arguments: Any, tools: Any = None, **options: Any) -> None:
        """Take what `SingleTurnAgentLoop` takes; `tools` are not used."""
        super().__init__(*arguments, **options)

    async def run(self, sampling_params: dict[str, Any], **row: Any) -> AgentLoopOutput:
        """One response."""
        output = await super().run(sampling_params, **row)
        return StepAgentLoopOutput.model_validate(output.model_dump(exclude_unset=True) | {"extra_fields": output.extra_fields})
