"""Judges without a model, one for each way of asking of ours: they check the sums in the steps that they are shown, and answer in the form that is wanted.

For tests and benchmarks of protocols and of what stands around them; a protocol of your own needs one of its own for `prm_gym.testing.check_protocol`.
"""

import json
import math
import re
from collections.abc import Callable

from prm_gym.chat import ChatReply, ChatRequest, TokenLogprob
from prm_gym.testing.scripted_judge import holds

HonestJudge = Callable[[ChatRequest], str]

_SUM = re.compile(r"(\d{1,9}) *([+*-]) *(\d{1,9}) *= *(-?\d{1,18})")


def is_right(step: str) -> bool:
    """Whether a step holds no false sum."""
    return all(holds(*parts) for parts in _SUM.findall(step))


def _last(request: ChatRequest) -> str:
    return request.messages[-1].text


def _key(request: ChatRequest) -> str:
    """The key of the frames of a conversation."""
    found = re.search(r"<problem:([0-9a-f]{12})>", request.messages[1].text)
    return found[1] if found is not None else ""


def framed(request: ChatRequest, tag: str) -> list[str]:
    """What stands between the tags of a name, in order."""
    texts = [message.text for message in request.messages]
    return [found[2] for text in texts for found in re.finditer(rf"<({tag}:[0-9a-f]{{12}})>\n(.*?)\n</\1>", text, re.DOTALL)]


def _steps(request: ChatRequest) -> dict[int, str]:
    """Number to text, as they are shown in the first question."""
    pattern = rf"<step_(\d+):{_key(request)}>\n(.*?)\n</step_\1:{_key(request)}>"
    return {int(number): text for number, text in re.findall(pattern, request.messages[1].text, re.DOTALL)}


def _judged(request: ChatRequest) -> bool:
    shown = _steps(request)
    return is_right(shown[max(shown)])


def _verdict(request: ChatRequest, **fields: object) -> str:
    return "I have looked at it.\n" + json.dumps({"key": _key(request), **fields})


def _boxed_yes(request: ChatRequest) -> str:
    return f"I have looked at it.\nSo: \\boxed{{{'Yes' if _judged(request) else 'No'}}}"


def _with_program(request: ChatRequest) -> str:
    """Writes a program that works the sums out, and believes what it prints."""
    if len(request.messages) == 2:
        shown = _steps(request)
        sums = [f"{one} {sign} {other} == {result}" for one, sign, other, result in _SUM.findall(shown[max(shown)])]
        return f"Let me see.\n```python\nprint(all([{', '.join(sums)}]))\n```\nIt will print False, so \\boxed{{No}}."
    return "The program says it. \\boxed{" + {"True": "Yes", "False": "No"}.get(framed(request, "output")[-1], "perhaps") + "}"


def _with_rubric(request: ChatRequest) -> str:
    text = _last(request)
    if "Which of these skills" in text:
        return "It computes.\n\\boxed{none}"
    if "is not written yet" in text:
        return _verdict(request, criteria=["It goes on.", "It is short."])
    return _verdict(request, criteria=dict.fromkeys(re.findall(r'"([\w-]+)": word', text), "yes" if _judged(request) else "no"))


def _with_grades(request: ChatRequest) -> str:
    text = _last(request)
    names: list[str] = re.findall(r'"([\w-]+)": grade', text)
    if names[0].isdigit():
        return _verdict(request, grades={name: 9 if is_right(_steps(request)[int(name)]) else 1 for name in names})
    best = 9 if "from 0 to 10" in text else 5
    return _verdict(request, grades=dict.fromkeys(names, best if _judged(request) else 1))


def _with_preference(request: ChatRequest) -> str:
    if "Write the next step" in _last(request):
        return f"I would go on so:\n<next_step:{_key(request)}>\n{'2 + 2 = 4' if request.sample % 2 else '2 + 2 = 5'}\n</next_step:{_key(request)}>"
    good = [is_right(framed(request, f"candidate_{name}")[-1]) for name in ("first", "second")]
    return "I compare.\n\\boxed{" + ("tie" if good[0] == good[1] else "first" if good[0] else "second") + "}"


def _first_wrong(request: ChatRequest) -> int:
    return next((number for number, text in sorted(_steps(request).items()) if not is_right(text)), 0)


def _with_correction(request: ChatRequest) -> str:
    number, key = _first_wrong(request), _key(request)
    mended = f"<corrected:{key}>\nThe sum, worked out anew: \\boxed{{0}}\n</corrected:{key}>\n" if number else ""
    return f"I have looked at it.\n{mended}The first wrong step: \\boxed{{{number}}}"


def _with_refinement(request: ChatRequest) -> str:
    if framed(request, "critique"):
        return "Let me solve it anew.\nThe final answer is \\boxed{12}."
    return f"The first wrong step has the number \\boxed{{{_first_wrong(request)}}}"


def _with_checklist(request: ChatRequest) -> str:
    if "Write a checklist" in _last(request):
        return _verdict(request, items=["The thing is found.", "The thing is bought."])
    number = max(_steps(request))
    before, after = ("open", "done") if _judged(request) else ("done", "open")
    items = {f"{item} {when}": "open" for item in (1, 2) for when in ("before", "after")}
    return _verdict(request, items=items | {f"{1 + number % 2} before": before, f"{1 + number % 2} after": after})


def _with_paragraph(request: ChatRequest) -> str:
    shown = re.findall(rf"<paragraph_(\d+):{_key(request)}>\n(.*?)\n</paragraph_", _last(request), re.DOTALL)
    return f"The first error is in \\boxed{{{next((number for number, text in shown if not is_right(text)), -1)}}}"


def _with_list(request: ChatRequest) -> str:
    wrong = [str(number) for number, text in _steps(request).items() if not is_right(text)]
    return f"Wrong are \\boxed{{{', '.join(wrong) or 'none'}}}"


def _with_words(request: ChatRequest) -> str:
    """Up to the first wrong step, or of all steps where the whole is asked about."""
    shown, lines = _steps(request), list[str]()
    every = "say whether all steps are correct" in _last(request)
    for number, text in sorted(shown.items()):
        lines.append(f"Step {number}: I look at it. \\boxed{{{'correct' if is_right(text) else 'incorrect'}}}")
        if not is_right(text) and not every:
            break
    whole = [f"All steps are correct: \\boxed{{{'Yes' if all(map(is_right, shown.values())) else 'No'}}}"] if every else []
    return "\n".join([*lines, *whole])


def in_one_token(request: ChatRequest) -> ChatReply:
    """For `token_probability`, which reads no text: Yes or No with a probability of 0.7, the other with 0.2."""
    word, other = ("Yes", "No") if _judged(request) else ("No", "Yes")
    listed = {word: math.log(0.7), other: math.log(0.2), "The": math.log(0.1)}
    return ChatReply(text=word, finished=False, logprobs=(TokenLogprob(word, listed[word], listed),))


HONEST_JUDGES: dict[str, HonestJudge] = {
    "bidirectional": _with_grades,
    "capo": _with_list,
    "checklist": _with_checklist,
    "critic": _with_paragraph,
    "dimensions": _with_grades,
    "first_error": _with_correction,
    "genprm": _with_program,
    "hierarchical": _boxed_yes,
    "pairwise": _with_preference,
    "refine": _with_refinement,
    "rubric_guided": _with_rubric,
    "screenshot": _with_grades,
    "spark": _with_words,
    "thinkprm": _with_words,
}
