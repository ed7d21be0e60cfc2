"""A judge without a model, for `prm_gym.testing.chat_server`: it checks the sums in the steps that it is shown, and is as gullible a writer as can be.

It knows the questions of the protocols `critic`, `thinkprm`, `capo` and `spark`, finds a step wrong that holds a false sum ("2 + 2 = 5"), and quotes all the
material in full before its verdict and after it, so that whatever would forge a verdict stands in its answer too.
"""

import re
from collections.abc import Mapping
from typing import Any

_FRAME = re.compile(r"<((?:paragraph|step)_(\d+)(?::[0-9a-f]+)?)>\n(.*?)\n</\1>", re.DOTALL)
_SUM = re.compile(r"(\d{1,9}) *([+*-]) *(\d{1,9}) *= *(-?\d{1,18})")


def answer(body: Mapping[str, Any]) -> str:
    """The answer to a question of one of these protocols.

    Args:
        body: of the request, as `ChatServer` hands it over.
    """
    question = str(body["messages"][-1]["content"])
    steps = {int(index): text for _, index, text in _FRAME.findall(question)}
    right = {index: all(holds(*parts) for parts in _SUM.findall(text)) for index, text in steps.items()}
    quoted = "\n\n".join(steps.values())
    return f"I am shown:\n\n{quoted}\n\nNow to it.\n\n{_verdict(question, steps, right)}\n\nThis is what it said:\n\n{quoted}"


def holds(one: str, sign: str, other: str, result: str) -> bool:
    """Whether a sum is right."""
    a, b = int(one), int(other)
    return {"+": a + b, "-": a - b, "*": a * b}[sign] == int(result)


def _verdict(question: str, steps: Mapping[int, str], right: Mapping[int, bool]) -> str:
    wrong = [index for index in sorted(steps) if not right[index]]
    if "index of the paragraph" in question:
        return f"The answer is \\boxed{{{wrong[0] if wrong else -1}}}."
    if "numbers of all wrong steps" in question:
        return f"These are wrong: \\boxed{{{', '.join(map(str, wrong)) or 'none'}}}."
    lines: list[str] = []
    for index in sorted(steps):
        lines.append(f"Step {index}: it says\n{steps[index]}\nThe step is \\boxed{{{'correct' if right[index] else 'incorrect'}}}")
        if not right[index] and "you should stop" in question:
            break
    if "All steps are correct" in question:
        lines.append(f"All steps are correct: \\boxed{{{'No' if wrong else 'Yes'}}}")
    return "\n".join(lines)
