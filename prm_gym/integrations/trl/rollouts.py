"""Roll-outs in our environments with the policy that TRL trains: a `rollout_func` for its GRPOTrainer.

    rollouts = EnvironmentRollouts("prm_gym/Countdown-v0", {"difficulty": 1, "reward": "dense"}, seeds=range(64))
    GRPOTrainer(model, reward_funcs=trajectory_reward, train_dataset=rollouts.dataset(), rollout_func=rollouts, ...)

Unlike with an `environment_factory`, actions are texts and no calls of tools, whole batches step at once, and each verifier is called once on them.

Source: TRL 1.16, `GRPOTrainer._generate` (`rollout_func`): the prompts come with one entry for each attempt; `env_mask` is 1 on the policy's own tokens;
further fields reach reward functions as columns.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from prm_gym.agent import Action
from prm_gym.env import StepEnv
from prm_gym.errors import OptionError
from prm_gym.integrations.episodes import EnvironmentPool, PlayedEpisode, begin
from prm_gym.integrations.packages import package
from prm_gym.trajectory import Trajectory

_MARK = "\u2063turn\u2063"  # stands for what the policy wrote


class _Attempt:
    """An episode that the policy plays, as tokens."""

    def __init__(self, prompt_ids: list[int], episode: PlayedEpisode, fault: str) -> None:
        self.prompt_ids, self.episode, self.fault = prompt_ids, episode, fault
        self.ids: list[int] = []
        self.mask: list[int] = []
        self.logprobs: list[float] | None = []
        self.spans: list[tuple[int, int]] = []

    def written(self, ids: Sequence[int], logprobs: Sequence[float] | None) -> None:
        self.spans.append((len(self.ids), len(self.ids) + len(ids)))
        self._add(ids, 1, logprobs)

    def seen(self, ids: Sequence[int]) -> None:
        self._add(ids, 0, [0.0] * len(ids))

    def _add(self, ids: Sequence[int], own: int, logprobs: Sequence[float] | None) -> None:
        self.ids.extend(ids)
        self.mask.extend([own] * len(ids))
        self.logprobs = None if self.logprobs is None or logprobs is None else [*self.logprobs, *logprobs]


class EnvironmentRollouts:
    """A `rollout_func` that plays an environment, and the data set whose prompts are its tasks.

    What TRL is given beside tokens, logprobs and `env_mask`, for each attempt: `trajectory` (a `Trajectory`, or None where the episode is not valid),
    `step_spans` (begin and end of each step among the completion's tokens), `step_rewards` and `state_keys`.
    """

    def __init__(
        self, env_id: str, env_options: Mapping[str, Any] | None = None, *, seeds: Iterable[int], chat: bool = True, turn_tokens: int | None = None
    ) -> None:
        """Name the tasks.

        Args:
            env_id: a registered id.
            env_options: its keyword options.
            seeds: of the tasks.
            chat: prompts are chats, whose template the tokenizer has; else plain texts.
            turn_tokens: most tokens of a turn; what a policy writes beyond is cut. None: as many as the whole episode may have (`max_completion_length`).

        Raises:
            UnknownNameError: there is no such environment.
            OptionError: no seeds, or a number out of range.
        """
        if turn_tokens is not None and turn_tokens < 1:
            raise OptionError(f"turn_tokens must be at least 1, got {turn_tokens}")
        self.env_id, self.env_options, self.chat, self.turn_tokens = env_id, dict(env_options or {}), chat, turn_tokens
        self._pool = EnvironmentPool(env_id, self.env_options)
        self._prompts: list[tuple[int, Any]] = [(int(seed), self._prompt(int(seed))) for seed in seeds]
        if not self._prompts:
            raise OptionError("there are no seeds, and so no tasks")
        self._seeds = {_key(prompt): seed for seed, prompt in self._prompts}

    def dataset(self) -> Any:
        """A `datasets.Dataset` with the columns `prompt` and `seed`, one row a task.

        Raises:
            MissingExtraError: the package datasets is not installed.
        """
        return package("datasets", "trl").Dataset.from_list([{"prompt": prompt, "seed": seed} for seed, prompt in self._prompts])

    def __call__(self, prompts: Sequence[Any], trainer: Any) -> dict[str, Any]:
        """Play one episode for each prompt, all at once.

        Args:
            prompts: [B] of the data set.
            trainer: TRL's, whose policy generates.

        Raises:
            OptionError: a prompt is not of the data set.
        """
        unknown = [prompt for prompt in prompts if _key(prompt) not in self._seeds]
        if unknown:
            raise OptionError(f"{len(unknown)} of {len(prompts)} prompts are not those of dataset(): {unknown[0]!r:.200}")
        attempts = self._begin([self._seeds[_key(prompt)] for prompt in prompts], trainer._tokenize_prompts(list(prompts))[0])
        for each in attempts:
            if each.fault:  # TRL needs a token, and nobody learns from it
                each.seen([trainer._tokenizer.eos_token_id])
        running = [each for each in attempts if not each.fault]
        while running:
            running = self._turn(running, trainer)
        trajectories = [None if each.fault else each.episode.trajectory(str(row), str(row)) for row, each in enumerate(attempts)]
        logprobs = [each.logprobs for each in attempts]
        return {
            "prompt_ids": [each.prompt_ids for each in attempts],
            "completion_ids": [each.ids for each in attempts],
            "logprobs": None if None in logprobs else logprobs,
            "env_mask": [each.mask for each in attempts],
            "trajectory": trajectories,
            "step_spans": [each.spans for each in attempts],
            "step_rewards": [[step.reward for step in _steps(each)] for each in trajectories],
            "state_keys": [[step.state_key for step in _steps(each)] for each in trajectories],
        }

    def close(self) -> None:
        """Close the environments."""
        self._pool.close()

    def _begin(self, seeds: Sequence[int], prompt_ids: Sequence[Sequence[int]]) -> list[_Attempt]:
        envs = self._pool.take(len(seeds))
        faults = begin(envs, seeds, [None] * len(seeds))
        episodes = [PlayedEpisode(env, self.env_id, self.env_options, seed, "trl") for env, seed in zip(envs, seeds, strict=True)]
        return [_Attempt(list(ids), episode, fault) for ids, episode, fault in zip(prompt_ids, episodes, faults, strict=True)]

    def _turn(self, running: Sequence[_Attempt], trainer: Any) -> list[_Attempt]:
        """A turn of all that run; those that still do."""
        tokenizer, most = trainer._tokenizer, int(trainer.max_completion_length)
        with _turns_of(self.turn_tokens, trainer):
            ids, logprobs = trainer._generate_single_turn([each.prompt_ids + each.ids for each in running], None, {}, num_generations=1)
        actions: list[Action] = []
        for row, attempt in enumerate(running):
            left = most - len(attempt.ids)
            cut = left if self.turn_tokens is None else min(left, self.turn_tokens)
            written = list(ids[row])[:cut]
            said = None if logprobs is None else list(logprobs[row])[:cut]
            attempt.written(written, said)
            text = str(tokenizer.decode(written, skip_special_tokens=True)).strip()
            actions.append(Action(text=text, token_ids=tuple(written), logprobs=None if said is None else tuple(said)))
        envs = [each.episode.env for each in running]
        before = [env.situation for env in envs]
        results = StepEnv.step_batch(envs, [action.text for action in actions], self._pool.verifiers)
        going: list[_Attempt] = []
        for attempt, situation, action, result in zip(running, before, actions, results, strict=True):
            attempt.episode.record(situation, action, result)
            if attempt.episode.ended:
                continue
            seen = self._seen(tokenizer, trainer, attempt, attempt.episode.env.situation.observation)
            if len(attempt.ids) + len(seen) < most and len(attempt.prompt_ids) + len(attempt.ids) + len(seen) < trainer.model.config.max_position_embeddings:
                attempt.seen(seen)
                going.append(attempt)
        return going

    def _seen(self, tokenizer: Any, trainer: Any, attempt: _Attempt, observation: str) -> list[int]:
        """The tokens of what is seen next: all that stands between the policy's turn and its next one."""
        if not self.chat:
            return list(tokenizer(f"\n{observation}\n", add_special_tokens=False)["input_ids"])
        chat = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _MARK}, {"role": "user", "content": observation}]
        options = {"chat_template": trainer.chat_template, **trainer.chat_template_kwargs}
        text = str(tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False, **options)).partition(_MARK)[2]
        if attempt.ids:  # the policy may have closed its turn itself
            text = text.removeprefix(str(tokenizer.decode(attempt.ids[-1:])))
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    def _prompt(self, seed: int) -> Any:
        (env,) = self._pool.take(1)
        env.reset(seed=seed)
        text = f"{env.task.instructions}\n\n{env.situation.observation}"
        return [{"role": "user", "content": text}] if self.chat else f"{text}\n"


@contextmanager
def _turns_of(most: int | None, trainer: Any) -> Generator[None]:
    """While it lasts, Hugging Face's generation stops after so many tokens; vLLM's goes on, and what is too much is cut."""
    config = getattr(trainer, "generation_config", None)
    if most is None or config is None:
        yield
        return
    before, config.max_new_tokens = config.max_new_tokens, most
    try:
        yield
    finally:
        config.max_new_tokens = before


def _key(prompt: Any) -> bytes:
    if isinstance(prompt, str):
        return prompt.encode("utf-8", "surrogatepass")
    return msgspec.json.encode([[message.get("role"), message.get("content")] for message in prompt])


def _steps(trajectory: Trajectory | None) -> Sequence[Any]:
    return () if trajectory is None else trajectory.steps
