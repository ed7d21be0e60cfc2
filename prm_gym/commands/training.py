"""One training run: `train`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from prm_gym.commands.records import read_options, require_seed, resolved
from prm_gym.errors import OptionError

if TYPE_CHECKING:
    from prm_gym.report.comparison import RunResult
    from prm_gym.training.config import TrainConfig
    from prm_gym.training.metrics import Sink


def train(
    env: str = "prm_gym/Deduction-v0",
    env_option: tuple[str, ...] = (),
    agent: str = "candidate",
    agent_option: tuple[str, ...] = (),
    device: Literal["", "auto", "cpu", "cuda"] = "auto",
    method: str = "policy-gradient",
    credit: str = "gigpo",
    credit_option: tuple[str, ...] = (),
    signal: tuple[str, ...] = (),
    reward: str = "dense",
    seed: int = 0,
    budget: int = 40_000,
    tasks: int = 16,
    attempts: int = 8,
    domain: tuple[str, ...] = (),
    curriculum: str = "even",
    refills: int = 0,
    demonstrations: int = 0,
    demonstrator: str = "scripted",
    demonstration_file: str = "",
    evaluate_every: int = 4_000,
    checkpoint_every: int = 20,
    eval_tasks: int = 200,
    split: Literal["dev", "test"] = "test",
    eval_file: str = "",
    transfer_option: tuple[str, ...] = (),
    transfer_tasks: int = 0,
    num_envs: int = 64,
    shard: int = 0,
    engine: str = "local",
    workers: int = 0,
    ray_address: str = "",
    store_groups: int = 1,
    out: str = "",
    tensorboard: bool = False,
    wandb: str = "",
    json: bool = False,
) -> None:
    """Train one agent. Interrupted at any moment, the same command goes on along the same curve; Ctrl-C once ends after the batch, twice at once.

    On several processes: torchrun --nproc-per-node N -m prm_gym train ..., with --agent causal-lm and --agent-option 'learning={"parallel":"ddp"}' or "fsdp".

    A method is one of

    policy-gradient     advantages by --credit from --reward

    expert-iteration    imitate the best attempts; keep=1, success=1.0, verified=true

    step-preferences    Step-DPO on right and wrong steps in one situation; threshold=0.5, success=1.0, per_state=4, corrector=

    correction          policy gradient, and the first wrong step mended; corrector=mixed:1.0, tries=1, success=1.0, threshold=0.5, policy_gradient=true

    refinement          policy gradient, and second attempts that have read the verdicts; success=1.0, policy_gradient=true

    and a curriculum over domains one of even, window (low, high, rate, focus), domain-weights (target, tau, alpha), task-value (floor, alpha).

    Args:
        env: id of the environment.
        env_option: options of the environment, NAME=VALUE each; a list is JSON, as 'verifiers=["prm:DIR"]'.
        agent: a trainable agent: its name, with an argument where it takes one ("candidate", "causal-lm", "causal-lm:NAME_OR_FOLDER"), or the folder of a saved
            one to go on with, and with the learned signals beside it: "runs/first/agent", or a checkpoint of a run.
        agent_option: its options, NAME=VALUE each; of a saved one over those that it was made with.
        device: where the agent learns; empty for an agent without such an option.
        method: what is made of a batch; options stand after a question mark: 'correction?corrector=self&tries=4'.
        credit: the credit assigner; options stand after a question mark: 'gigpo?step_weight=0.5&gamma=0.9'; transforms before and after it between bars:
            'posterior_gate|grpo|aem?strength=0.5'.
        credit_option: its options, NAME=VALUE each.
        signal: learned signals that it needs, with options: 'progress?learning_rate=0.003', 'implicit_reward:CHECKPOINT?objective=dpo'.
        reward: reward scheme; options stand after a question mark.
        seed: of the run.
        budget: environment steps to train on. The batch that crosses it is the last, and is played to its end: a run takes up to a batch more.
        tasks: tasks in a batch.
        attempts: attempts at each.
        domain: kinds of tasks to train on: options of the environment with & between them, as 'difficulty=1&max_steps=6' 'difficulty=2'; for the curriculum
            window from easy to hard. Evaluation is on the environment as it is.
        curriculum: how tasks are shared out among the domains.
        refills: how often groups whose attempts all earn the same are replaced, in every batch.
        demonstrations: tasks whose solutions the agent imitates first; for environments that chance never solves.
        demonstrator: the agent that solves them.
        demonstration_file: stored trajectories whose successful episodes are imitated first.
        evaluate_every: environment steps between evaluations.
        checkpoint_every: batches between checkpoints.
        eval_tasks: held-out tasks.
        split: which held-out tasks: dev to tune settings on, test to report.
        eval_file: a file of public tasks to evaluate the trained agent on as well.
        transfer_option: options of the environment, NAME=VALUE each, with which the trained agent is evaluated once more.
        transfer_tasks: on how many of the held-out tasks; 0 for all.
        num_envs: episodes played at once.
        shard: episodes that are played together, as 32: a part of the settings of the run; with the same shards every engine gives the same curve. 0 plays
            a batch at once, in this process.
        engine: where shards are played: local (this process, or several of this machine by --workers) or ray; options of Ray stand after a question mark, as
            "ray?gpus=0.5". The agent learns in this process.
        workers: processes at once; 0 for this one alone, on Ray for as many as there is room for.
        ray_address: of a Ray cluster; by default that of RAY_ADDRESS, and where there is none, one is started on this machine.
        store_groups: groups of every batch whose trajectories are stored.
        out: folder of the run; by default one under runs/ that is named after the settings.
        tensorboard: write the figures for TensorBoard too, into tensorboard/ of the folder.
        wandb: project of Weights & Biases to send them to.
        json: print the whole result as JSON.
    """
    from prm_gym.commands.engines import engine_of
    from prm_gym.training.config import TrainConfig
    from prm_gym.training.interruption import Interruption
    from prm_gym.training.progress import progress_of_run
    from prm_gym.training.ranks import is_first
    from prm_gym.training.run import train as run

    require_seed(seed)
    config = TrainConfig(
        env_id=env,
        env_options=read_options(env_option),
        agent=resolved(agent),
        agent_options={**read_options(agent_option), **({"device": device} if device else {})},
        method=method,
        credit=credit,
        credit_options=read_options(credit_option),
        signals=signal,
        reward=reward,
        seed=seed,
        budget=budget,
        tasks=tasks,
        attempts=attempts,
        domains=tuple(_domain(each) for each in domain),
        curriculum=curriculum,
        refills=refills,
        demonstrations=demonstrations,
        demonstrator=demonstrator,
        demonstration_file=str(Path(demonstration_file).resolve()) if demonstration_file else "",
        evaluate_every=evaluate_every,
        checkpoint_every=checkpoint_every,
        eval_tasks=eval_tasks,
        split=split,
        task_file=str(Path(eval_file).resolve()) if eval_file else "",
        transfer_options=read_options(transfer_option),
        transfer_tasks=transfer_tasks,
        num_envs=num_envs,
        shard=shard,
        store_groups=store_groups,
    )
    directory = Path(out) if out else _default_directory(config)
    first = is_first()
    sinks = _sinks(config, directory, tensorboard, wandb) if first else []
    said = "prm-gym: ending after this batch; Ctrl-C once more ends at once" if first else ""
    with Interruption(said) as stop, engine_of(engine, workers, ray_address) as where, progress_of_run(config, quiet=json or not first) as live:
        result = run(config, directory, sinks=[*sinks, live], stop=stop, engine=where)
    if not first:
        return
    if json:
        print(msgspec.json.encode(result).decode())
    else:
        _summarise(result, config.budget, directory)


def _domain(text: str) -> dict[str, Any]:
    options = read_options(text.split("&"))
    if not options:
        raise OptionError(f"a domain is written NAME=VALUE&NAME=VALUE, got {text!r}")
    return options


def _default_directory(config: "TrainConfig") -> Path:
    """A folder named after the settings, so that the same command finds its own run again."""
    from prm_gym.task import content_key

    name = config.env_id.rpartition("/")[2]
    return Path("runs") / f"{name}-{config.method.partition('?')[0]}-{content_key(msgspec.json.encode(config).decode())[:8]}"


def _sinks(config: "TrainConfig", directory: Path, tensorboard: bool, wandb: str) -> "list[Sink]":
    from prm_gym.training.metrics import TensorBoard, WeightsAndBiases

    sinks: list[Sink] = [TensorBoard(directory)] if tensorboard else []
    return [*sinks, WeightsAndBiases(directory, wandb, msgspec.to_builtins(config))] if wandb else sinks


def _summarise(result: "RunResult", budget: int, directory: Path) -> None:
    print("steps    success  mean steps")
    for point in result.curve:
        print(f"{point.env_steps:<8} {point.success:<8.3f} {point.mean_steps:.1f}")
    taken = result.curve[-1].env_steps
    over = f", {taken - budget:,} over the budget of {budget:,} with the last batch" if taken > budget else ""
    print(f"\n{taken:,} environment steps{over}; {result.verifier_calls} verdicts, {result.abstentions} without a score; {result.wall_seconds:.0f} s")
    if result.file_success is not None:
        print("success on the file, easy to hard: " + ", ".join(f"{value:.3f}" for value in result.file_success))
    if result.transfer_success is not None:
        print(f"success with the transfer's options: {result.transfer_success:.3f}")
    print("  ".join(str(directory / name) for name in ("agent", "metrics.jsonl", "trajectories.jsonl", "result.json")))
