"""prm_gym: the baseline."""

from collections.abc import Callable
from typing import Any

from measuring import Work, cold, graded, hostile, main, memory, package, per_environment, rate

SUDOKU, SUMS = "prm_gym/Sudoku-v0", "prm_gym/ReasoningGym-v0"
VECTOR = 64


def _grader() -> Any:
    return package("prm_gym.answers").Grader(workers=1)


def _says(grade: Any) -> bool | None:
    return None if grade.verdict == "undecided" else grade.verdict == "correct"


def answers(work: Work) -> dict[str, Any]:
    """The answer grader in batches, with one worker process for what it does not decide itself."""
    with _grader() as grader:
        return graded(lambda pairs: [_says(grade) for grade in grader.grade_all([(_boxed(pair), pair["gold"]) for pair in pairs])], work)


def hangs(work: Work) -> dict[str, Any]:
    """The hostile answers."""
    with _grader() as grader:
        return hostile(lambda pair: _says(grader.grade(_boxed(pair), pair["gold"])), work)


def _boxed(pair: dict[str, str]) -> str:
    return f"The answer is $\\boxed{{{pair['answer']}}}$."


def _made(env_id: str, **options: Any) -> Any:
    package("prm_gym")
    return package("gymnasium").make(env_id, **options)


def sums(work: Work) -> dict[str, Any]:
    """Episodes of one step with the environment's own verifiers, and with none; wrong answers apart, which the package's scorer has not seen before."""
    ways = (("verified", {}), ("outcome only", {"verifiers": []}))
    return {f"{name}{said}": _sums(work, off, **options) for name, options in ways for said, off in (("", 0), (", wrong answers", 1))}


def _sums(work: Work, off: int, **options: Any) -> dict[str, float]:
    env = _made(SUMS, dataset="chain_sum", **options)

    def episode() -> int:
        env.reset()
        _, _, ended, _, info = env.step(f"answer: {int(env.unwrapped.task.sealed['answer']) + off}")
        return int(ended and (info["outcome"] == 1.0) != bool(off))

    return _checked(rate(episode, work["seconds"]))


def sudoku(work: Work) -> dict[str, Any]:
    """Right steps in a 9x9 grid: verified and not; one environment, and 64 stepped as one vector environment."""
    found: dict[str, Any] = {"resets": _sudoku_resets(work)}
    for name, options in (("verified", {}), ("outcome only", {"verifiers": []})):
        found[name] = _sudoku(work, candidates=0, **options)
        found[f"{name}, vector of {VECTOR}"] = _sudoku_vector(work, candidates=0, **options)
    return found


def _sudoku_resets(work: Work) -> dict[str, float]:
    env, seeds = _made(SUDOKU, difficulty=3, candidates=0), iter(range(10**9))

    def begin() -> int:
        env.reset(seed=next(seeds))
        return 1

    return rate(begin, work["seconds"])


def _sudoku(work: Work, **options: Any) -> dict[str, float]:
    env, played = _made(SUDOKU, difficulty=3, **options), _Clock()
    for seed in played.until(work["seconds"]):
        env.reset(seed=seed)
        moves, ended = env.unwrapped.solution(), False
        with played:
            for move in moves:
                _, _, ended, _, _ = env.step(move)
                played.units += 1
        played.require(ended)
    return played.found()


def _sudoku_vector(work: Work, **options: Any) -> dict[str, float]:
    package("prm_gym")
    vector = package("gymnasium").make_vec(SUDOKU, num_envs=VECTOR, vectorization_mode="vector_entry_point", difficulty=3, **options)
    played = _Clock()
    for seed in played.until(work["seconds"]):
        vector.reset(seed=1_000 * seed)
        moves = [env.solution() for env in vector.envs]
        with played:
            for place in range(min(map(len, moves))):
                vector.step([each[place] for each in moves])
                played.units += VECTOR
    return played.found()


class _Clock:
    """Adds up the time of the steps alone: beginning an episode and looking its solution up are not counted."""

    def __init__(self) -> None:
        self.units, self.seconds, self.wrong = 0, 0.0, 0
        self._time: Callable[[], float] = package("time").perf_counter
        self._began = 0.0

    def until(self, seconds: float) -> Any:
        """Seeds, while there is time; a first episode warms up."""
        yield 0
        self.units, self.seconds = 0, 0.0
        seed = 1
        while self.seconds < seconds:
            yield seed
            seed += 1

    def __enter__(self) -> None:
        self._began = self._time()

    def __exit__(self, *_: object) -> None:
        self.seconds += self._time() - self._began

    def require(self, ended: bool) -> None:
        """Count episodes that did not end where they should."""
        self.wrong += not ended

    def found(self) -> dict[str, float]:
        """Steps a second."""
        return _checked({"per_second": 0.0 if self.wrong else self.units / self.seconds, "units": self.units, "seconds": self.seconds})


def _checked(found: dict[str, float]) -> dict[str, float]:
    """Refuse a measure in which the work was not done."""
    if not found["units"] or not found["per_second"]:
        raise SystemExit("the episodes did not end as they should")
    return found


def start(_: Work) -> dict[str, float]:
    """From nothing to the first step of Sudoku."""

    def load() -> Callable[[], Any]:
        package("prm_gym")
        gymnasium = package("gymnasium")

        def first() -> Any:
            env = gymnasium.make(SUDOKU, difficulty=3)
            env.reset(seed=0)
            env.step(env.unwrapped.solution()[0])
            return env

        return first

    return cold(load)


def space(_: Work) -> dict[str, float]:
    """KiB of an environment of Sudoku, each with a grid of its own; they share their verifiers, as those of a vector environment do."""
    shared, seeds = _made(SUDOKU, difficulty=3).unwrapped.verifiers, iter(range(10**9))

    def make() -> Any:
        env = _made(SUDOKU, difficulty=3, verifiers=list(shared))
        env.reset(seed=next(seeds))
        return env

    return per_environment(make, 60)


def advantages(work: Work) -> dict[str, Any]:
    """GRPO of groups of single-step trajectories: one advantage a response."""
    credit, numpy = package("prm_gym.credit"), package("numpy")
    found: dict[str, Any] = {}
    for size, groups in work["groups"].items():
        rewards = numpy.array(groups, dtype=numpy.float64)
        count, attempts = rewards.shape
        of_all, group_ids = rewards.ravel(), numpy.repeat(numpy.arange(count), attempts)

        def made(rewards: Any = of_all, group_ids: Any = group_ids) -> Any:
            rows = len(rewards)
            return credit.StepBatch(
                rewards=rewards, offsets=numpy.arange(rows + 1), group_ids=group_ids, outcomes=rewards, truncated=numpy.zeros(rows, dtype=bool)
            )

        kept = made()
        for way, batch in (("batch made anew", made), ("batch kept", lambda kept=kept: kept)):

            def once(batch: Any = batch) -> int:
                return len(credit.assign("grpo", batch()).advantages)

            found[f"{size}, {way}"] = {**rate(once, work["seconds"]), "first": credit.assign("grpo", kept).advantages[:attempts].tolist()}
    return found


def miniwob(work: Work) -> dict[str, Any]:
    """Episodes on a page of MiniWoB++ in a browser, each of a reset and the one right click; both are timed apart."""
    env, began, clicked = _made("prm_gym/MiniWoB-v0", task="click-test"), _Clock(), _Clock()
    try:
        for seed in clicked.until(work["seconds"]):
            with began:
                env.reset(seed=seed)
                began.units += 1
            (action,) = env.unwrapped.solution()
            with clicked:
                _, _, ended, _, info = env.step(action)
                clicked.units += 1
            clicked.require(ended and info["outcome"] == 1.0)
        return {"resets": began.found(), "steps": clicked.found(), "memory_mib": memory()}
    finally:
        env.close()


if __name__ == "__main__":
    main({"answers": answers, "hostile": hangs, "sums": sums, "sudoku": sudoku, "start": start, "space": space, "advantages": advantages, "miniwob": miniwob})
