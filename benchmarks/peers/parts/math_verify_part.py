"""math-verify: `verify(parse(gold), parse(answer))` with its defaults, as its README shows; the gold answer boxed."""

from typing import Any

from measuring import Work, cold, graded, hostile, main, package


def _grade(pair: dict[str, str]) -> bool:
    math_verify = package("math_verify")
    return bool(math_verify.verify(math_verify.parse(f"\\boxed{{{pair['gold']}}}"), math_verify.parse(f"The answer is $\\boxed{{{pair['answer']}}}$.")))


def start(_: Work) -> dict[str, float]:
    """From nothing to the first verdict."""

    def load() -> Any:
        package("math_verify")
        return lambda: _grade({"gold": "\\frac{1}{2}", "answer": "0.5"})

    return cold(load)


if __name__ == "__main__":
    main({"answers": lambda work: graded(lambda pairs: [_grade(pair) for pair in pairs], work), "hostile": lambda work: hostile(_grade, work), "start": start})
