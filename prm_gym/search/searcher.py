"""Searcher: runs a method of search on tasks, many at once, over any agent, verifier and environment.

    with Searcher("mixed:0.6", "prm_gym/Countdown-v0", verifier="arithmetic") as searcher:
        for result in searcher.search("beam?width=4", seeds=range(100), budget=Budget(agent_steps=64)):
            result.chosen, result.outcome, result.spent

The tasks run side by side. What all of them ask for in a round is acted on in one batch of the agent and judged in one batch of the verifier. Every prompt
has a seed that depends on the searcher's seed, the task and the place in its tree alone: a `seeded` agent gives the same result again, alone or in any batch,
under any method that asks for the same.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from zlib import crc32

import msgspec
import numpy as np

from prm_gym._version import VERSION
from prm_gym.agent import Action, Agent, make_agent
from prm_gym.drafting import Draft, DraftingAgent
from prm_gym.errors import ContractError, EnvironmentFault, OptionError
from prm_gym.options import stored_options
from prm_gym.random_state import derived_seed
from prm_gym.rollout import make_envs
from prm_gym.search.budget import Budget, Ledger, Spent
from prm_gym.search.method import Choice, SearchMethod, Tree, Valuation, make_method
from prm_gym.search.node import Asking, Begin, Expand, Node, Reply, Request, Take
from prm_gym.search.result import Candidate, SearchResult
from prm_gym.search.stage import Job, Stage
from prm_gym.task import Task
from prm_gym.trajectory import Trajectory
from prm_gym.verifier import Verifier, VerifierSpec, verify_batch


class _Search:
    """A task under search."""

    def __init__(self, seed: int, name: str, tree: Tree, task: Task, asking: Asking[Choice]) -> None:
        self.seed, self.name, self.tree, self.task, self.asking = seed, name, tree, task, asking
        self.replies: Sequence[Reply] | None = None
        self.branches = 0

    def next(self) -> Sequence[Request] | Choice:
        """What it asks for now, or what it came to."""
        try:
            return next(self.asking) if self.replies is None else self.asking.send(self.replies)
        except StopIteration as end:
            return end.value

    def branch(self, node: Node) -> str:
        """The episode of the next step from a node: that of the node for the first one, a new one for others."""
        if node.asked == 0:
            return node.episode
        self.branches += 1
        return f"{self.tree.root.episode}#{self.branches}"


class Searcher:
    """Searches with an agent, a verifier and perhaps a second agent.

    Attributes:
        agent: proposes the steps.
        helper: a second agent, for methods that have two; None without.
        valuation: how nodes are valued.
    """

    def __init__(
        self,
        agent: str | Agent,
        env_id: str,
        env_options: Mapping[str, Any] | None = None,
        *,
        verifier: VerifierSpec | None = None,
        helper: str | Agent | None = None,
        valuation: Valuation | None = None,
        horizon: int | None = None,
        num_envs: int = 32,
        seed: int = 0,
    ) -> None:
        """Make the agents, the environments and the verifier.

        Args:
            agent: an agent or its specification.
            env_id: a registered id.
            env_options: of the environment; its verifiers are replaced by `verifier`, and its reward by the outcome.
            verifier: what steps are judged by; None for methods that need none.
            helper: the second agent.
            valuation: from the scores of steps to values; by default the least score, steps without one passed over.
            horizon: steps that an attempt is expected to take at most, >= 1; by default the environment's own limit. Only how a budget is shared out
                depends on it.
            num_envs: states that are expanded in one batch, and tasks that are searched at once, >= 1.
            seed: of everything, >= 0.

        Raises:
            OptionError: an option out of range.
            UnknownNameError: no such agent, environment or verifier.
        """
        if seed < 0 or (horizon is not None and horizon < 1):
            raise OptionError(f"seed is an integer from 0 on and horizon from 1 on, got {seed!r} and {horizon!r}")
        self.agent = make_agent(agent)
        self.helper = None if helper is None else make_agent(helper)
        self.env_id = env_id
        self.env_options: dict[str, Any] = {**(env_options or {}), "verifiers": [] if verifier is None else [verifier], "reward": "outcome"}
        self._envs = make_envs(env_id, num_envs, self.env_options)
        self._verifier = self._envs.verifiers[0] if self._envs.verifiers else None
        self._stage = Stage(self._envs.envs, self._verifier)
        self.valuation = valuation or Valuation()
        self.horizon = horizon or self._envs.envs[0].max_steps
        self.seed = seed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the environments, and the verifier if it was made from a specification."""
        self._envs.close()

    def search(self, method: str | SearchMethod, seeds: Iterable[int], budget: Budget | None = None) -> list[SearchResult]:
        """One result a seed, in order.

        Args:
            method: a method or its specification.
            seeds: of the tasks; distinct.
            budget: of each task; None for no bound.

        Raises:
            UnknownNameError: no such method.
            OptionError: an option of it does not fit, it needs a verifier or a helper that there is not, or a seed comes twice.
        """
        wanted = list(seeds)
        if len(set(wanted)) != len(wanted):
            raise OptionError("the seeds of a search are distinct: a task that is searched twice would be counted twice")
        found = {result.seed: result for result in self.stream(method, wanted, budget)}
        return [found[seed] for seed in wanted]

    def stream(self, method: str | SearchMethod, seeds: Iterable[int], budget: Budget | None = None) -> Iterator[SearchResult]:
        """The results as the searches end."""
        made, name = make_method(method), method if isinstance(method, str) else type(method).__name__
        waiting, running = deque(seeds), list[_Search]()
        while waiting or running:
            while waiting and len(running) < self._envs.num_envs:
                seed = waiting.popleft()
                try:
                    running.append(self._begun(made, name, seed, budget or Budget()))
                except EnvironmentFault as fault:
                    reason = f"the episode could not be begun: {fault}"
                    yield SearchResult(seed=seed, method=name, chosen=None, candidates=(), spent=Spent(), valid=False, reason=reason)
            wanted: list[tuple[_Search, Sequence[Request]]] = []
            for search in running:
                found = search.next()
                if isinstance(found, Choice):
                    yield self._result(search, found)
                else:
                    wanted.append((search, found))
            running = [search for search, _ in wanted]
            self._serve(wanted)

    def _begun(self, method: SearchMethod, name: str, seed: int, budget: Budget) -> _Search:
        situation, snapshot, task = self._stage.begin(seed)
        drawn = derived_seed(self.seed, seed)
        root = Node(situation, drawn, f"search-{seed}")
        root.snapshot = snapshot
        tree = Tree(root, Ledger(budget), self.valuation, np.random.default_rng([self.seed, drawn]), self.horizon)
        return _Search(seed, name, tree, task, method.search(tree))

    def _serve(self, wanted: Sequence[tuple[_Search, Sequence[Request]]]) -> None:
        """Reply to the requests of a round: first beginnings of actions, then whole steps, each in batches over all tasks."""
        replies: list[list[Reply]] = [[None] * len(requests) for _, requests in wanted]
        begins: list[tuple[list[Reply], int, Job]] = []
        moves: list[tuple[list[Reply], int, Job]] = []
        for (search, requests), answers in zip(wanted, replies, strict=True):
            for place, request in enumerate(requests):
                job = self._job(search, request)
                if job is not None:
                    (begins if isinstance(request, Begin) else moves).append((answers, place, job))
        for answers, place, job, draft in _joined(begins, self._begin([job for _, _, job in begins])):
            job.ledger.settle(_written(draft.token_ids, draft.text), job.most_tokens)
            answers[place] = draft
        for answers, place, _, node in _joined(moves, self._move([job for _, _, job in moves])):
            answers[place] = node
        for (search, _), answers in zip(wanted, replies, strict=True):
            search.tree.spoilt += sum(isinstance(reply, Node) and not reply.valid for reply in answers)
        for (search, _), answers in zip(wanted, replies, strict=True):
            search.replies = answers

    def _job(self, search: _Search, request: Request) -> Job | None:
        """A request that is paid for; None where the budget does not hold it.

        Raises:
            OptionError: it asks for a verifier or an agent that there is not.
            ContractError: it asks for a step after the end.
        """
        node, ledger = request.node, search.tree.ledger
        if node.ended:
            raise ContractError("a method of search asked for a step after the end of an episode")
        judge = isinstance(request, Begin) or request.judge
        if judge and self._verifier is None:
            raise OptionError("this method of search needs a verifier: give one, as verifier='arithmetic'")
        agent = -1 if isinstance(request, Take) else 0 if isinstance(request, Begin) else request.agent
        if agent == 1 and self.helper is None:
            raise OptionError("this method of search needs a second agent: give one as helper, such as helper='mixed:0.9'")
        draft = request.draft if isinstance(request, Expand) else None
        begun = 0 if draft is None or draft.token_ids is None else len(draft.token_ids)
        most = 0 if agent < 0 else request.most_tokens if isinstance(request, Begin) else None if draft is None else self._rest(ledger, begun)
        paid = ledger.charge(
            agent_steps=int(agent >= 0 and draft is None),
            verifier_calls=int(judge),
            env_steps=self._stage.distance(node) + int(not isinstance(request, Begin)),
            most_tokens=most,
        )
        if not paid:
            return None
        job = Job(node, ledger, request, judge, agent, most)
        number = crc32(request.action.encode("utf-8", "surrogatepass")) if isinstance(request, Take) else node.asked
        job.episode, job.seed = search.branch(node), derived_seed(node.seed, number, agent)
        node.asked += 1
        return job

    @staticmethod
    def _rest(ledger: Ledger, begun: int) -> int:
        return max(0, (ledger.budget.action_tokens or 0) - begun)

    def _agent(self, number: int) -> Agent:
        return self.agent if number < 1 or self.helper is None else self.helper

    def _begin(self, jobs: Sequence[Job]) -> Iterator[Draft]:
        """The beginnings of actions, with the verifier's score of their texts."""
        agent = self.agent
        if not jobs:
            return
        if not isinstance(agent, DraftingAgent) or self._verifier is None:
            raise OptionError(f"the agent {agent.id!r} cannot begin an action and finish it later (prm_gym.drafting.DraftingAgent): leave early rejection out")
        for batch in self._stage.batches(jobs):
            there = [job for job in batch if not job.lost]
            begun = iter(self._drafts(agent, self._verifier, there))
            for job in batch:
                yield Draft("", ()) if job.lost else next(begun)  # what is to finish it finds that out for itself

    def _drafts(self, agent: DraftingAgent, verifier: Verifier, batch: Sequence[Job]) -> Iterator[Draft]:
        if not batch:
            return
        prompts = self._stage.prompts(batch, agent.privileged)
        drafts: list[Draft] = []
        for most in sorted({job.most_tokens or 0 for job in batch}):
            rows = [row for row, job in enumerate(batch) if job.most_tokens == most]
            drafts += agent.draft([prompts[row] for row in rows], most)
        order = sorted(range(len(batch)), key=lambda row: (batch[row].most_tokens or 0, row))
        by_row = dict(zip(order, drafts, strict=True))
        texts = [self._stage.context(job, by_row[row].text) for row, job in enumerate(batch)]
        for row, found in enumerate(verify_batch([verifier], texts)):
            yield msgspec.structs.replace(by_row[row], score=found[verifier.id].score)

    def _move(self, jobs: Sequence[Job]) -> Iterator[Node]:
        """The nodes that the steps lead to; what comes to a state that is known already is that node."""
        for batch in self._stage.batches(jobs):
            there = [job for job in batch if not job.lost]
            reached = iter(self._stage.step(there, self._actions(there)))
            for job in batch:
                if job.lost:
                    job.ledger.settle(0, job.most_tokens)
                yield self._stage.lost(job) if job.lost else next(reached)

    def _actions(self, batch: Sequence[Job]) -> list[Action]:
        """The action of each job, asked for in one batch an agent."""
        actions: dict[int, Action] = {row: Action(text=job.request.action) for row, job in enumerate(batch) if isinstance(job.request, Take)}
        for number in (0, 1):
            for finishes in (False, True):
                rows = [row for row, job in enumerate(batch) if job.agent == number and (job.draft is not None) is finishes]
                if rows:
                    actions.update(zip(rows, self._asked(self._agent(number), [batch[row] for row in rows]), strict=True))
        for row, job in enumerate(batch):
            if job.agent >= 0:
                begun = 0 if job.draft is None else _written(job.draft.token_ids, job.draft.text)
                whole = _written(actions[row].token_ids, actions[row].text)
                job.ledger.settle(None if whole is None or begun is None else whole - begun, job.most_tokens)
        return [actions[row] for row in range(len(batch))]

    def _asked(self, agent: Agent, batch: Sequence[Job]) -> list[Action]:
        prompts = self._stage.prompts(batch, agent.privileged)
        drafts = [job.draft for job in batch if job.draft is not None]
        actions = agent.complete(prompts, drafts) if drafts and isinstance(agent, DraftingAgent) else agent.act(prompts)
        if len(actions) != len(prompts):
            raise ContractError(f"agent {agent.id!r} gave {len(actions)} actions for {len(prompts)} prompts")
        return actions

    def _result(self, search: _Search, choice: Choice) -> SearchResult:
        distinct = list(dict.fromkeys(choice.attempts))
        made = {node: self._trajectory(search, node, number) for number, node in enumerate(distinct)}
        chosen = choice.node
        if chosen is not None and chosen not in made:
            raise ContractError("a method of search chose an attempt that is none of its attempts")
        value = self.valuation.value
        return SearchResult(
            seed=search.seed,
            method=search.name,
            chosen=None if chosen is None else made[chosen],
            candidates=tuple(Candidate(trajectory=made[node], score=value(node), times=choice.attempts.count(node)) for node in distinct),
            spent=search.tree.ledger.spent,
            valid=search.tree.spoilt == 0 or any(node.valid for node in distinct),
            reason=choice.reason,
            notes=choice.notes,
        )

    def _trajectory(self, search: _Search, node: Node, number: int) -> Trajectory:
        return Trajectory(
            id=f"{search.seed}/{number}",
            group_id=str(search.seed),
            task=search.task,
            seed=search.seed,
            env_id=self.env_id,
            env_options=stored_options(self.env_options),
            agent=f"{self.agent.id}+{search.name}",
            outcome=node.outcome,
            valid=node.valid,
            steps=node.steps,
            library_version=VERSION,
        )


def _written(token_ids: Sequence[int] | None, text: str) -> int | None:
    """Tokens of a text; None where the agent does not say."""
    return len(token_ids) if token_ids is not None else None if text else 0


def _joined(asked: Sequence[tuple[list[Reply], int, Job]], served: Iterable[Any]) -> Iterator[tuple[list[Reply], int, Job, Any]]:
    """Each request with what came of it; jobs are served in their order."""
    for (answers, place, job), found in zip(asked, served, strict=True):
        yield answers, place, job, found
