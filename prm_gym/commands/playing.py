"""Episodes by hand and by agents: `play`, `rollout`."""

import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from prm_gym.commands.live_tally import live_tally
from prm_gym.commands.records import print_records, read_env_options, require_seed
from prm_gym.commands.step_view import StepView
from prm_gym.errors import OptionError
from prm_gym.options import stored_options

if TYPE_CHECKING:
    from prm_gym.agent import Agent
    from prm_gym.engines import Engine
    from prm_gym.env import StepEnv
    from prm_gym.ordered_store import OrderedFile
    from prm_gym.recording import Recorder
    from prm_gym.rollout import Episode
    from prm_gym.trajectory import Trajectory
    from prm_gym.verifier import Verifier


MOST_LISTED = 24


def play(
    env: str = "prm_gym/Deduction-v0",
    seed: int = 0,
    env_option: tuple[str, ...] = (),
    verifier: tuple[str, ...] = (),
    agent: str = "",
    headed: bool = False,
    out: str = "",
    json: bool = False,
) -> None:
    """Take the steps yourself, or see an agent take them, and see the verdicts.

    A number takes a listed action; anything else is the action itself; an empty line ends.

    Where actions are calls of tools, the name of a tool and its arguments will do: `answer 42`, `refund order_id=17 reason="too late"`. The name alone of a
    tool that takes one text begins a text of several lines; a line with a single dot ends it.

    On pages the number of an element clicks it, and `7 = blue mug` types into it or chooses; `?` lists what can be done. With --headed the pages are in a
    visible browser, and are used there; `answer` in the terminal ends the task.

    Args:
        env: id of the environment.
        seed: of the task.
        env_option: options of the environment, NAME=VALUE each; a list is JSON, as 'show=["page"]'.
        verifier: specifications of the verifiers that judge its steps, as "z3" or "prm:DIR"; the environment's own unless given.
        agent: takes the steps instead of you: a name, as for `rollout`, or the folder of a saved one.
        headed: in a visible browser.
        out: the episode is appended to this file of trajectories when it ends, as for `view`, `credit` or `export`.
        json: print a line of JSON for every step, and nothing else.
    """
    from prm_gym.agent import make_agent
    from prm_gym.commands.headed import headed_options, watch
    from prm_gym.recording import Recorder
    from prm_gym.rollout import make_envs

    options = read_env_options(env_option, verifier)
    require_seed(seed)
    if headed and (agent or json):
        raise OptionError("with --headed the steps are yours, in a browser; leave --agent and --json out")
    with (
        closing(make_agent(agent)) if agent else nullcontext() as player,
        closing(make_envs(env, 1, headed_options(env, options) if headed else options)) as envs,
        Recorder(envs, out, agent=agent or "person") if out else nullcontext() as recorder,
    ):
        made, view = envs.envs[0], StepView(as_json=json)
        observation, info = made.reset(seed=seed)
        if headed:
            watch(made)
            _kept(recorder, out, view)
            return
        view.begun(_instructions(made), observation, info)
        if player is None:
            _play(made, observation, info, view)
        else:
            _show(made, player, seed, view)
        _kept(recorder, out, view)


def _kept(recorder: "Recorder | None", path: str, view: StepView) -> None:
    if recorder is not None:
        ended = recorder.kept + recorder.spoilt
        view.say(f"The episode is in {path}." if ended else f"The episode had not ended: nothing was written to {path}.")


def _show(env: "StepEnv", agent: "Agent", seed: int, view: StepView) -> None:
    """An episode of an agent, its actions and the verdicts on them."""
    from prm_gym.agent import prompt_of
    from prm_gym.tools import typed

    while True:
        view.say(f"\n{env.situation.observation}\n")
        (action,) = agent.act([prompt_of(env, agent.privileged, seed=seed + len(env.past_steps), episode="shown")])
        view.say(f"> {typed(action.text, env.tools)}")
        seen, reward, terminated, truncated, info = env.spoil(f"the agent failed: {action.failure}") if action.failure else env.step(action.text)
        view.taken(action.text, seen, float(reward), info, terminated or truncated)
        if terminated or truncated:
            return


def _play(env: "StepEnv", observation: str, info: dict[str, Any], shown: StepView) -> None:
    from prm_gym.commands.browsing import HINT, action_of, page_text, view_of
    from prm_gym.tools import typed

    ended, view = False, view_of(env)
    while not ended:
        shown.say(f"\n{page_text(observation) if view else observation}\n")
        if view:
            shown.say(HINT if not env.past_steps else "? lists what can be done")
        elif len(info["actions"]) > MOST_LISTED:
            shown.say(f"  {len(info['actions'])} actions are listed: ? shows them")
        else:
            _list((typed(action, env.tools) for action in info["actions"]), shown)
        try:
            text = _typed(env, shown)
            while text == "?":
                _list((typed(action, env.tools) for action in info["actions"]), shown)
                text = _typed(env, shown)
        except EOFError:
            shown.say("")
            return
        if not text:
            return
        if view:
            text = action_of(text, view)
        elif text.isdecimal() and 1 <= int(text) <= len(info["actions"]):
            text = info["actions"][int(text) - 1]
        observation, reward, terminated, truncated, info = env.step(text)
        ended = terminated or truncated
        shown.taken(text, observation, float(reward), info, ended)


def _list(actions: Iterable[str], shown: StepView) -> None:
    for number, action in enumerate(actions, start=1):
        shown.say(f"  {number:>2}  {action}")


def _instructions(env: "StepEnv") -> str:
    """The instructions of the task, with the tools as a person reads them."""
    from prm_gym.tools import described, signature

    if not env.tools:
        return env.task.instructions
    lines: list[str] = []
    for tool in env.tools:
        lines += [f"  {signature(tool)}", f"      {tool.description}"]
        for name, schema in tool.arguments_schema().get("properties", {}).items():
            if isinstance(schema, Mapping) and "description" in schema:
                lines.append(f"      {name}: {schema['description']}")
    lines.append("Here a call may be typed without JSON: NAME ARGUMENT=VALUE ..., or NAME TEXT where one text is wanted.")
    return env.task.instructions.replace(described(env.tools), "\n".join(lines))


def _typed(env: "StepEnv", shown: StepView) -> str:
    """What the person types, with shorthand for calls of tools written out."""
    from prm_gym.tools import call_of, call_text, hint, text_argument

    text = input("" if shown.as_json else "> ")
    tool = next((tool for tool in env.tools if tool.name == text.strip()), None)
    argument = None if tool is None else text_argument(tool)
    if tool is None or argument is None:
        if wanted := hint(text, env.tools):
            shown.say(f"  A call of this tool is: {wanted}")
        return call_of(text, env.tools)
    lines: list[str] = []
    while (line := input("" if shown.as_json else "... ")) != ".":
        lines.append(line)
    return call_text(tool.name, **{argument: "\n".join(lines)})


def rollout(
    env: str = "prm_gym/Deduction-v0",
    agent: str = "random",
    tasks: int = 20,
    attempts: int = 4,
    seed: int = 0,
    draw: int = 0,
    reward: str = "dense",
    env_option: tuple[str, ...] = (),
    verifier: tuple[str, ...] = (),
    guide: str = "",
    samples: int = 4,
    out: str = "",
    engine: str = "local",
    workers: int = 0,
    ray_address: str = "",
    json: bool = False,
) -> None:
    """Play groups of episodes and store the trajectories: the same ones, whatever the engine and the number of workers.

    Where the infrastructure spoilt episodes, the exit status is 1, and the same command plays these anew. Where it spoils all from the beginning (nothing
    answers at an address), the rest is not tried.

    Args:
        env: id of the environment.
        agent: name of the agent, as "random", "scripted", "constant:UNKNOWN" or "openai:MODEL?base_url=http://localhost:8000/v1", or the folder of a saved
            one, as "runs/first/agent".
        tasks: how many tasks.
        attempts: attempts at each.
        seed: of the first task; the next have the following ones.
        draw: seed of the agent's choices, which are drawn from it, the episode and the step; an agent that takes no seeds from outside draws from its own.
        reward: name of the reward scheme.
        env_option: options of the environment, NAME=VALUE each; a list is JSON, as 'show=["page"]'.
        verifier: specifications of the verifiers that judge its steps, as "z3" or "prm:DIR"; the environment's own unless given.
        guide: specification of a verifier that chooses among actions which the agent proposes, as "prm:DIR": what a reward model is worth in search.
        samples: actions that the agent proposes at each step, where there is a guide.
        out: file of trajectories (JSON lines), in the order of the episodes when all are there; nothing is stored without it. What it holds already is kept,
            but for episodes that the infrastructure spoilt: these are taken out of it and played anew.
        engine: where they are played: local (this process, or several of this machine by --workers) or ray; options of Ray stand after a question mark, as
            "ray?gpus=0.5".
        workers: processes at once; 0 for this one alone, on Ray for as many as there is room for.
        ray_address: of a Ray cluster; by default that of RAY_ADDRESS, and where there is none, one is started on this machine.
        json: print JSON.
    """
    from prm_gym.commands.engines import engine_of
    from prm_gym.commands.tally import SPOILT_IN_VAIN, Tally
    from prm_gym.engines.shards import require_seeded
    from prm_gym.ordered_store import OrderedFile
    from prm_gym.rollout import Rollouts, groups

    require_seed(seed)
    require_seed(draw)
    if tasks < 1:
        raise OptionError(f"tasks must be at least 1, got {tasks}")
    options = {**read_env_options(env_option, verifier), "reward": reward}
    Rollouts(env, {**options, "verifiers": []}, 1).close()  # a wrong name or option fails here, before any process is started
    episodes = groups(range(seed, seed + tasks), attempts)
    file = OrderedFile(out, [episode.id for episode in episodes]) if out else None
    tally = Tally()
    with closing(_named(agent)) as made, engine_of(engine, workers, ray_address) as where, _guided(made, guide, samples) as player:
        if where.apart:
            require_seeded(player, "a rollout")
        if file is not None:
            tally.add(_stored(file, env, options, player.id, {episode.id: episode.seed for episode in episodes}))
        held = file.held if file is not None else set[str]()
        plan = _Playing(where, player, partial(_player, agent, guide, samples), env, options)
        with file or nullcontext(), live_tally(tally, len(episodes), quiet=json) as show:
            for trajectories in plan.seeded(episodes, held, draw) if player.seeded else plan.unseeded(episodes, held):
                new = [trajectory for trajectory in trajectories if trajectory.id not in held]
                tally.add(new)
                show()
                if file is not None:
                    file.write(new)
                if SPOILT_IN_VAIN <= tally.invalid == tally.episodes < len(episodes):
                    print(
                        f"prm-gym: the first {tally.episodes} episodes were all spoilt; the other {len(episodes) - tally.episodes} are not tried",
                        file=sys.stderr,
                    )
                    break
            else:
                if file is not None:
                    file.finish()
        spent = player.report()
    result = {**tally.record(), "stored": out or None} | ({"agent": spent} if spent else {})
    print_records([result], json)
    if tally.invalid:
        sys.exit(1)


class _Playing(msgspec.Struct, frozen=True):
    """How episodes are played: in shards where an agent takes seeds; as they come, in this process, where it draws from its own."""

    engine: "Engine"
    player: "Agent"
    maker: "Callable[[], Agent]"
    env: str
    options: dict[str, Any]

    def seeded(self, episodes: "list[Episode]", held: set[str], draw: int) -> "Iterator[Sequence[Trajectory]]":
        """The shards that are not held whole, as they are finished."""
        from prm_gym.engines.shards import Shard, ShardWorker, shards

        jobs = [Shard(tuple(part), draw) for part in shards(episodes) if any(episode.id not in held for episode in part)]
        with self.engine.crew(partial(ShardWorker, self.maker if self.engine.apart else lambda: self.player, self.env, self.options)) as crew:
            for finished in crew.run(jobs):
                yield finished.result()

    def unseeded(self, episodes: "list[Episode]", held: set[str]) -> "Iterator[Sequence[Trajectory]]":
        """The episodes that are not held, each when it ends."""
        from prm_gym.rollout import Rollouts

        rollouts = Rollouts(self.env, self.options)
        try:
            for trajectory in rollouts.stream(self.player, [episode for episode in episodes if episode.id not in held]):
                yield [trajectory]
        finally:
            rollouts.close()


@contextmanager
def _guided(agent: "Agent", guide: str, samples: int) -> "Generator[Agent]":
    """The agent, with the verifier that guides it, if there is one. It is made when the engine is there, so that a guide in a pool finds the same cluster."""
    if not guide:
        yield agent
        return
    from prm_gym.verifier import make_verifier

    with closing(make_verifier(guide)) as verifier:
        yield _with_guide(agent, verifier, samples)


def _named(spec: str) -> "Agent":
    """The agent; a saved one with its folder in its name, so that a file tells the episodes of two of them apart."""
    from prm_gym.agent import find_saved, make_agent

    made = make_agent(spec)
    if find_saved(spec) is not None:
        made.id = f"{made.id}:{spec}"
    return made


def _player(agent: str, guide: str, samples: int) -> "Agent":
    """The agent with its guide, in a process of its own, with which they end."""
    from prm_gym.verifier import make_verifier

    made = _named(agent)
    return _with_guide(made, make_verifier(guide), samples) if guide else made


def _with_guide(agent: "Agent", verifier: "Verifier", samples: int) -> "Agent":
    """An agent among whose proposals a verifier chooses; one of claims sees the step that an action makes, others its text."""
    from prm_gym.prm.selection import GuidedAgent

    return GuidedAgent(agent, verifier, samples, look="step" if verifier.wants_claims else "text")


def _stored(file: "OrderedFile", env: str, options: Mapping[str, Any], agent: str, seeds: Mapping[str, int]) -> "Iterator[Trajectory]":
    """The trajectories of a file that a rollout goes on with, without those that the infrastructure spoilt.

    Raises:
        OptionError: the file holds something else.
    """
    for trajectory in file.read():
        stored = (trajectory.env_id, trajectory.agent, trajectory.env_options, trajectory.seed)
        same = stored == (env, agent, stored_options(options), seeds.get(trajectory.id))
        if not same:
            raise OptionError(f"{file.path} holds episodes of another rollout ({trajectory.env_id}, {trajectory.agent}, {trajectory.id}); choose another file")
        if trajectory.valid:
            yield trajectory
