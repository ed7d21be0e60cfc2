"""verifiers (Prime Intellect): `verify_boxed_math_answer` of its v1 interface. Its episodes need a model behind an endpoint: there is no step to call."""

from typing import Any

from measuring import Work, cold, graded, hostile, main, package


def _grade(pair: dict[str, str]) -> bool:
    return package("verifiers.v1").verify_boxed_math_answer(f"The answer is $\\boxed{{{pair['answer']}}}$.", pair["gold"]) == 1.0


def start(_: Work) -> dict[str, float]:
    """From nothing to the first graded answer."""

    def load() -> Any:
        package("verifiers.v1")
        return lambda: _grade({"gold": "\\frac{1}{2}", "answer": "0.5"})

    return cold(load)


if __name__ == "__main__":
    main({"answers": lambda work: graded(lambda pairs: [_grade(pair) for pair in pairs], work), "hostile": lambda work: hostile(_grade, work), "start": start})
