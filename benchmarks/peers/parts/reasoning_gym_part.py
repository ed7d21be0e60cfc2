"""reasoning-gym: the bare data set and its scorer; of answers, the scorer that a data set has unless it brings its own."""

from collections.abc import Callable
from typing import Any

from measuring import Work, cold, graded, hostile, main, package, rate


def _grader() -> Callable[[dict[str, str]], bool]:
    data: Any = package("reasoning_gym").create_dataset("chain_sum", size=1, seed=0)
    score = package("reasoning_gym.dataset").ProceduralDataset.score_answer
    return lambda pair: score(data, pair["answer"], {"answer": pair["gold"]}) == 1.0


def answers(work: Work) -> dict[str, Any]:
    """The default scorer, of the bare answers: it compares texts."""
    grade = _grader()
    return graded(lambda pairs: [grade(pair) for pair in pairs], work)


def sums(work: Work) -> dict[str, Any]:
    """Entries made and answered."""
    count = 10_000
    data = package("reasoning_gym").create_dataset("chain_sum", size=count, seed=0)
    places = iter(range(10**9))

    def answered(off: int) -> int:
        entry = data[next(places) % count]
        return int((data.score_answer(str(int(entry["answer"]) + off), entry) == 1.0) != bool(off))

    return {
        "outcome only": rate(lambda: answered(0), work["seconds"]),
        "outcome only, wrong answers": rate(lambda: answered(1), work["seconds"]),
    }


def start(_: Work) -> dict[str, float]:
    """From nothing to the first scored answer."""

    def load() -> Callable[[], Any]:
        gym = package("reasoning_gym")

        def first() -> Any:
            data = gym.create_dataset("chain_sum", size=10, seed=0)
            data.score_answer(data[0]["answer"], data[0])
            return data

        return first

    return cold(load)


if __name__ == "__main__":
    main({"answers": answers, "hostile": lambda work: hostile(_grader(), work), "sums": sums, "start": start})
