"""Stage: the environments that a search is played in.

Brings one to each node that is to be expanded, has the steps judged in one batch, and saves what comes of them.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from prm_gym.agent import Action, Prompt, prompt_of, recorded, take
from prm_gym.claims import Malformed, Spoilt
from prm_gym.drafting import Draft
from prm_gym.env import StepEnv, StepResult
from prm_gym.errors import ContractError, EnvironmentFault
from prm_gym.montecarlo.prefix import Prefix
from prm_gym.montecarlo.standing import Places, SpoiltError, put_back
from prm_gym.search.budget import Ledger
from prm_gym.search.node import Expand, Node, Request, Take, summed
from prm_gym.task import Origin, Task
from prm_gym.trajectory import Step
from prm_gym.transition import Situation
from prm_gym.verifier import StepContext, Verifier, unjudged


class Job:
    """A request that is paid for.

    Attributes:
        node: from here.
        ledger: that paid.
        request: what is asked for.
        judge: the verifier is given the step.
        agent: number of the agent that acts; -1 for none.
        most_tokens: that were set aside, as in `Ledger.charge`.
        episode: see `prm_gym.agent.Prompt.episode`.
        seed: of the agent's choice; the node that it leads to has it too.
        env: that stands there.
        lost: why none could be brought there: the infrastructure failed; "" otherwise.
    """

    def __init__(self, node: Node, ledger: Ledger, request: Request, judge: bool, agent: int, most_tokens: int | None) -> None:
        """Take what was asked for; `episode`, `seed`, `env` and `lost` follow."""
        self.node, self.ledger, self.request, self.judge, self.agent, self.most_tokens = node, ledger, request, judge, agent, most_tokens
        self.episode, self.seed, self.lost = "", 0, ""
        self.env: StepEnv | None = None

    @property
    def draft(self) -> Draft | None:
        """What the agent is to finish."""
        return self.request.draft if isinstance(self.request, Expand) else None

    @property
    def place(self) -> StepEnv:
        """The environment that stands at the node."""
        if self.env is None:
            raise ContractError("no environment was brought to this node")
        return self.env


class Stage:
    """Environments of one class and one verifier.

    Where an environment cannot save its state, every step is taken after all steps before it were replayed; they count.
    """

    def __init__(self, envs: Sequence[StepEnv], verifier: Verifier | None) -> None:
        """Take them; they belong to the caller.

        Args:
            envs: as many as are to be expanded in one batch.
            verifier: that judges.
        """
        self._envs, self._verifier = envs, verifier
        self._standing: list[Node | None] = [None] * len(envs)
        self._replays = Places(0)
        self.can_save = True

    def begin(self, seed: int) -> tuple[Situation, "bytes | Origin", Task]:
        """What the task of a seed begins with, how it is put back, and the task.

        Args:
            seed: of the task.

        Raises:
            EnvironmentFault: the episode could not be begun.
            ContractError: the environment neither saves its state nor says how its episode began.
        """
        env = self._envs[0]
        self._standing[0] = None
        StepEnv.reset_batch([env], [seed], [None])
        saved = self._saved(env)
        if saved is None and env.origin is None:
            raise ContractError(f"{type(env).__name__} can neither be saved nor begun once more: it cannot be searched")
        return env.situation, saved if saved is not None else env.origin or Origin.of_seed(seed), env.task

    def distance(self, node: Node) -> int:
        """Steps that must be replayed to stand at a node."""
        return 0 if self.can_save else node.depth

    def batches(self, jobs: Sequence[Job]) -> Iterator[Sequence[Job]]:
        """The jobs in order, in batches, each with an environment of its own at its node; one that is `lost` has none.

        Args:
            jobs: any number.
        """
        size = len(self._envs)
        for start in range(0, len(jobs), size):
            batch = jobs[start : start + size]
            self._bring(batch)
            yield batch

    def _bring(self, batch: Sequence[Job]) -> None:
        free = set(range(len(self._envs)))
        at = {node: place for place, node in enumerate(self._standing) if node is not None} if self.can_save else {}
        away: list[Job] = []
        for job in batch:
            place = at.pop(job.node, None)
            if place is None:
                away.append(job)
            else:
                free.discard(place)
                job.env = self._envs[place]
        for job, place in zip(away, sorted(free), strict=False):
            env, self._standing[place] = self._envs[place], None
            try:
                if isinstance(job.node.snapshot, bytes):
                    put_back(env, job.node.snapshot)
                elif self.can_save:
                    raise SpoiltError("the infrastructure failed: the state could not be saved when it was reached")
                else:
                    self._replays.bring(env, _prefix(job.node))
            except SpoiltError as error:
                job.lost = str(error)
            else:
                job.env, self._standing[place] = env, job.node

    def prompts(self, batch: Sequence[Job], privileged: bool) -> list[Prompt]:
        """What an agent is shown at each node.

        Args:
            batch: with environments.
            privileged: the agent is given the environments.
        """
        return [prompt_of(job.place, privileged, job.seed, job.episode) for job in batch]

    @staticmethod
    def context(job: Job, text: str) -> StepContext:
        """A text at a node as the verifier sees it, before it is taken as a step."""
        env = job.place
        return StepContext(task=env.task, previous=env.past_steps, observation=env.situation.observation, action=text, origin=env.origin)

    def step(self, batch: Sequence[Job], actions: Sequence[Action]) -> list[Node]:
        """The nodes that the actions lead to.

        An action that was taken from the same node before leads where it led then, and what was paid for it is given back.

        Args:
            batch: with environments.
            actions: one for each.
        """
        taken: list[int] = []
        shared: dict[tuple[Node, str, bool], int] = {}  # what others that take the same action find
        for row, (job, action) in enumerate(zip(batch, actions, strict=True)):
            key = (job.node, action.text, job.judge)
            can_share = self.can_save and not action.failure
            if can_share and (key in shared or key[1:] in job.node.children):
                job.ledger.refund(verifier_calls=int(job.judge), env_steps=1)
                continue
            taken.append(row)
            if can_share:
                shared[key] = row
        made: dict[int, Node] = {}
        for judge in (True, False):
            rows = [row for row in taken if batch[row].judge is judge]
            verifiers = [self._verifier] if judge and self._verifier is not None else []
            results = take([batch[row].place for row in rows], [actions[row] for row in rows], verifiers)
            made.update((row, self._node(batch[row], actions[row], result)) for row, result in zip(rows, results, strict=True))
        for (node, text, judge), row in shared.items():
            node.children[text, judge] = made[row]
        return [made[row] if row in made else job.node.children[actions[row].text, job.judge] for row, job in enumerate(batch)]

    def lost(self, job: Job) -> Node:
        """What a job that is `lost` leads to: a spoilt end, where nothing was done and nothing is judged."""
        parent, request = job.node, job.request
        verifiers = [self._verifier] if job.judge and self._verifier is not None else []
        step = Step(
            index=parent.depth,
            observation=parent.situation.observation,
            action=request.action if isinstance(request, Take) else "",
            actions=parent.situation.actions,
            claims=(Spoilt(job.lost),),
            state_key=parent.situation.state_key,
            next_state_key=parent.situation.state_key,
            reward=0.0,
            verdicts=unjudged(job.lost, verifiers),
            truncated=True,
        )
        node = Node(parent.situation, job.seed, job.episode, parent, step)
        node.scores, node.agent, node.valid = (*parent.scores, None), job.agent, False
        return node

    def _node(self, job: Job, action: Action, result: StepResult) -> Node:
        env, parent, info = job.place, job.node, result[4]
        step = recorded(env, parent.situation, action, result)
        node = Node(env.situation, job.seed, job.episode, parent, step)
        judged = None if self._verifier is None else info["verdicts"].get(self._verifier.id)
        node.scores = (*parent.scores, None if judged is None else judged.score)
        node.agent, node.logprob, node.outcome, node.valid = job.agent, summed(action), info["outcome"], info["valid"]
        if not node.ended:
            with suppress(EnvironmentFault):  # it goes on from here, and cannot come back
                node.snapshot = self._saved(env)
        self._standing[self._envs.index(env)] = None if node.ended else node
        return node

    def _saved(self, env: StepEnv) -> bytes | None:
        if not self.can_save:
            return None
        try:
            return env.snapshot()
        except ContractError:  # it says so itself: a live site
            self.can_save = False
            return None


def _prefix(node: Node) -> Prefix:
    root, steps = node.path[0], node.steps
    if not isinstance(root.snapshot, Origin):
        raise ContractError("this environment saved its state at first and cannot any longer")
    return Prefix(
        origin=root.snapshot,
        actions=tuple(step.action for step in steps),
        observations=tuple(step.observation for step in steps),
        unread=tuple(place for place, step in enumerate(steps) if any(isinstance(claim, Malformed) for claim in step.claims)),
    )
