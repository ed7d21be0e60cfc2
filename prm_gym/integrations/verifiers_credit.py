"""Our credit on the traces of Prime Intellect's `verifiers`: one advantage a step, on the tokens of its message.

Source: verifiers 0.4, https://github.com/PrimeIntellect-ai/verifiers (`v1/graph.py`: `MessageNode.advantages`; `v1/trace.py`: `Branch.advantages`). It needs
nothing of verifiers itself.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from prm_gym._version import VERSION
from prm_gym.credit import Credit, StepBatch, assign
from prm_gym.errors import ContractError
from prm_gym.task import Task
from prm_gym.trajectory import Step, Trajectory

KEY = "prm_gym"  # of what `StepRun` keeps in `trace.info`


def trajectory_of(trace: Any) -> Trajectory | None:
    """An episode of `StepRun` as a trajectory of ours: for credit, the store and the viewer. It cannot be judged again, since a trace has no answers.

    Args:
        trace: finished, or read back.

    Returns:
        Its `group_id` is the key of the task, which all attempts at it share; None of an episode that was spoilt or has not taken a step.

    Raises:
        ContractError: it is none of `StepRun`.
    """
    if KEY not in trace.info and not trace.errors and "outcome" not in trace.metrics:
        raise ContractError(f"the trace {trace.id} is none of StepRun: it says nothing of steps in info[{KEY!r}]")
    outcome, data = trace.metrics.get("outcome"), trace.task.data
    if outcome is None or KEY not in trace.info:
        return None
    steps = msgspec.convert(trace.info[KEY]["steps"], list[Step])
    if not (steps[-1].terminated or steps[-1].truncated):  # by a limit of the run: worth what one is that ran out of steps
        steps[-1] = msgspec.structs.replace(steps[-1], truncated=True, reward=steps[-1].reward + outcome)
    return Trajectory(
        id=trace.id,
        group_id=data.task_key,
        task=Task(key=data.task_key, instructions=data.system_prompt or "", question=str(data.prompt)),
        seed=data.seed,
        env_id=data.env_id,
        env_options=data.env_options,
        agent=str(trace.agent.config.model),
        outcome=outcome,
        steps=tuple(steps),
        library_version=VERSION,
    )


def assign_advantages(traces: Sequence[Any], credit: str = "grpo", **options: Any) -> Credit | None:
    """Our credit over the steps of finished traces, put where trainers look for it: `MessageNode.advantages`, which `Branch.advantages` reads.

    Every token that the model wrote in a step has the advantage of the step. A step that the credit leaves out, and an episode that was spoilt, keep None.

    Args:
        traces: of `StepRun`, with the tokens of the model, as a training client records them; attempts at one task are a group.
        credit: an assigner or a pipeline, as `prm_gym.credit.assign` takes it.
        **options: of the assigner.

    Returns:
        What was assigned; None where there is no episode to learn from.

    Raises:
        ContractError: a trace is none of `StepRun`, or holds no tokens.
        CreditError: the assigner needs a column that these do not have.
    """
    known = [(trace, trajectory) for trace in traces if (trajectory := trajectory_of(trace)) is not None]
    if not known:
        return None
    nodes = [trace.nodes[step["node"]] for trace, _ in known for step in trace.info[KEY]["steps"]]
    lengths = [sum(node.mask) for node in nodes]
    if 0 in lengths:
        raise ContractError("a message of the model has no tokens: an evaluation client records none, a training client does")
    batch = StepBatch.from_trajectories(trajectory for _, trajectory in known).with_columns({"n_tokens": np.array(lengths, dtype=np.float64)})
    given = assign(credit, batch, **options)
    for node, length, advantage, kept in zip(nodes, lengths, given.advantages.tolist(), given.keep.tolist(), strict=True):
        node.advantages = [advantage] * length if kept else None
    return given
