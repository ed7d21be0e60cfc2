"""Models that are functions: a judge that knows which steps are right (all but those that hold "13"), for every way of asking."""

import json
import re

from prm_gym.chat import ChatReply, TokenLogprob

UNLUCKY = "13"


def last(request):
    return request.messages[-1].text


def key(request):
    """The key of the frames of the first question of a conversation."""
    return re.search(r"<problem:([0-9a-f]{12})>", request.messages[1].text)[1]


def steps(request):
    """Number to text, as they are shown."""
    pattern = rf"<step_(\d+):{key(request)}>\n(.*?)\n</step_\1:{key(request)}>"
    return {int(number): text for number, text in re.findall(pattern, request.messages[1].text, re.DOTALL)}


def right(text):
    return UNLUCKY not in text


def judged(request):
    """Whether the last step that is shown is right."""
    shown = steps(request)
    return right(shown[max(shown)])


def verdict(request, **fields):
    return "I have looked at it.\n" + json.dumps({"key": key(request), **fields})


def boxed_yes(request):
    return f"I have looked at it.\nSo: \\boxed{{{'Yes' if judged(request) else 'No'}}}"


def with_program(request):
    """Writes a program first; believes what it prints."""
    if len(request.messages) == 2:
        return f"Let me see.\n```python\nprint({UNLUCKY!r} in {steps(request)[max(steps(request))]!r})\n```\nIt will print True, so \\boxed{{No}}."
    output = re.search(r"<output:([0-9a-f]+)>\n(.*)\n</output:\1>", last(request), re.DOTALL)[2]
    return "The program says it. \\boxed{" + {"True": "No", "False": "Yes"}.get(output, "perhaps") + "}"


def mark(good):
    return "yes" if good else "no"


def with_rubric(request):
    text = last(request)
    if "Which of these skills" in text:
        return "It computes.\n\\boxed{none}"
    if "is not written yet" in text:
        return verdict(request, criteria=["It goes on.", "It is short."])
    names = re.findall(r'"([\w-]+)": word', text)
    return verdict(request, criteria=dict.fromkeys(names, mark(judged(request))))


def with_grades(request):
    names = re.findall(r'"([\w-]+)": grade', last(request))
    if names[0].isdigit():
        return verdict(request, grades={name: 9 if right(steps(request)[int(name)]) else 1 for name in names})
    return verdict(request, grades=dict.fromkeys(names, (9 if judged(request) else 1) if "0 to 10" in last(request) else (5 if judged(request) else 1)))


def with_preference(request):
    text = last(request)
    if "Write the next step" in text:
        return verdict(request, step="a step of my own, that is right" if request.sample % 2 else "one that is 13")
    shown = [re.search(rf"<candidate_{name}:([0-9a-f]+)>\n(.*?)\n</candidate_{name}:\1>", text, re.DOTALL)[2] for name in ("first", "second")]
    good = [right(candidate) for candidate in shown]
    return "I compare.\n\\boxed{%s}" % ("tie" if good[0] == good[1] else "first" if good[0] else "second")


def first_wrong(request):
    return next((number for number, text in sorted(steps(request).items()) if not right(text)), 0)


def with_correction(request):
    number = first_wrong(request)
    return verdict(request, first_error=number, why="it is unlucky" if number else "", corrected=steps(request)[number].replace("13", "12") if number else "")


def with_refinement(request):
    if "A critique of this attempt" in last(request):
        return "Let me solve it anew.\nThe final answer is \\boxed{12}."
    return f"The first wrong step has the number \\boxed{{{first_wrong(request)}}}"


def with_checklist(request):
    text = last(request)
    if "Write a checklist" in text:
        return verdict(request, items=["The thing is found.", "The thing is bought."])
    number = max(steps(request))
    before, after = ("open", "done") if judged(request) else ("done", "open")
    items = {f"{item} {when}": "open" for item in (1, 2) for when in ("before", "after")}
    return verdict(request, items=items | {f"{1 + number % 2} before": before, f"{1 + number % 2} after": after})


def with_paragraph(request):
    paragraphs = re.findall(rf"<paragraph_(\d+):{key(request)}>\n(.*?)\n</paragraph_", last(request), re.DOTALL)
    return f"The first error is in \\boxed{{{next((number for number, text in paragraphs if not right(text)), -1)}}}"


def with_list(request):
    wrong = [str(number) for number, text in steps(request).items() if not right(text)]
    return f"Wrong are \\boxed{{{', '.join(wrong) or 'none'}}}"


def with_words(request):
    """Up to the first wrong step, or of all steps where the whole is asked about."""
    shown, lines = steps(request), []
    every = "say whether all steps are correct" in last(request)
    for number, text in sorted(shown.items()):
        lines.append(f"Step {number}: I look at it. \\boxed{{{'correct' if right(text) else 'incorrect'}}}")
        if not right(text) and not every:
            break
    return "\n".join([*lines, *([f"All steps are correct: \\boxed{{{'Yes' if all(map(right, shown.values())) else 'No'}}}"] if every else [])])


MODELS = {
    "bidirectional": with_grades,
    "capo": with_list,
    "checklist": with_checklist,
    "critic": with_paragraph,
    "dimensions": with_grades,
    "first_error": with_correction,
    "genprm": with_program,
    "hierarchical": boxed_yes,
    "pairwise": with_preference,
    "refine": with_refinement,
    "rubric_guided": with_rubric,
    "screenshot": with_grades,
    "spark": with_words,
    "thinkprm": with_words,
}


def tokens(text, cut, alternatives):
    """A reply in three tokens, the second of which begins at `cut`, with these alternatives there."""
    return ChatReply(
        text=text,
        logprobs=(
            TokenLogprob(text[:cut], -0.1),
            TokenLogprob(text[cut : cut + 3], alternatives[text[cut : cut + 3]], alternatives),
            TokenLogprob(text[cut + 3 :], -0.1),
        ),
    )
