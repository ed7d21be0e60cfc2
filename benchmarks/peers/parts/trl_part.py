"""TRL: `accuracy_reward`, on batches as a trainer hands them over. Its advantages are computed inside the trainer: no function of it can be called alone."""

from typing import Any

from measuring import Work, cold, graded, hostile, main, package


def _grade_all(pairs: list[dict[str, str]]) -> list[bool | None]:
    completions = [[{"role": "assistant", "content": f"The answer is $\\boxed{{{pair['answer']}}}$."}] for pair in pairs]
    rewards = package("trl.rewards").accuracy_reward(completions, [f"$\\boxed{{{pair['gold']}}}$" for pair in pairs])
    return [None if reward is None else reward == 1.0 for reward in rewards]


def start(_: Work) -> dict[str, float]:
    """From nothing to the first graded answer."""

    def load() -> Any:
        package("trl.rewards")
        return lambda: _grade_all([{"gold": "\\frac{1}{2}", "answer": "0.5"}])

    return cold(load)


if __name__ == "__main__":
    main({"answers": lambda work: graded(_grade_all, work), "hostile": lambda work: hostile(lambda pair: _grade_all([pair])[0], work), "start": start})
