"""skyrl-gym: its environment `aime`, an episode an answer, in the form that it reads ("Answer: ..."); what it compares are normalised texts."""

from typing import Any

from measuring import Work, cold, graded, hostile, main, package


def _grade(pair: dict[str, str]) -> bool:
    env = package("skyrl_gym").make("aime", extras={"reward_model": {"ground_truth": pair["gold"]}})
    env.init([{"role": "user", "content": "?"}])
    return env.step(f"Answer: ${pair['answer']}$")["reward"] == 1.0


def start(_: Work) -> dict[str, float]:
    """From nothing to the first step."""

    def load() -> Any:
        package("skyrl_gym")
        return lambda: _grade({"gold": "1/2", "answer": "1/2"})

    return cold(load)


if __name__ == "__main__":
    main({"answers": lambda work: graded(lambda pairs: [_grade(pair) for pair in pairs], work), "hostile": lambda work: hostile(_grade, work), "start": start})
