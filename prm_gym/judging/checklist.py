"""A checklist that is made from the goal once, and held against the page before and after each step.

Sources: Web-Shepherd (Chae et al. 2025, "Web-Shepherd: Advancing PRMs for Reinforcing Web Agents", 2505.15277): a checklist for each instruction, whose
items are judged yes, no or in progress at every step. The prompts are our own. What differs: an item is judged on the page before *and* after the step, so
that what was there already earns nothing, and what a step undoes costs; and the list is made without having seen any step.

The page after a step is that of the claim `PageShown`, which environments give where they are asked to. Without it the judge is told that it is not known, and
says what will hold as far as can be told from the page before and the action.
"""

from collections.abc import Sequence

import msgspec

from prm_gym.chains import Chain
from prm_gym.chat import ChatResult, Message
from prm_gym.errors import OptionError
from prm_gym.judging.framing import framing, harmless
from prm_gym.judging.grades import texts, worded
from prm_gym.judging.protocol import Ask
from prm_gym.judging.reading import Reading, answer_of
from prm_gym.judging.stepwise import StepRead, StepwiseProtocol, failure, note, told, with_last

_STATES = {"done": 1.0, "started": 0.5, "open": 0.0}
_MOST_ITEMS = 8

_PLANNER = "You break a goal down into what has to be so when it is reached. {notice}"
_LIST = """{problem}

Write a checklist for this: at most {most} short sentences, each of which says something that can be seen to hold on a page or in what was done, in the \
order in which it will come about. They say what has to be reached, not which button is to be pressed, and together they are what is wanted, with its names \
and numbers. End your answer with one JSON object: {{"key": "{key}", "items": [sentence, ...]}}, the sentences in double quotes."""
_JUDGE = "You follow how far a goal has been reached, by what can be seen. {notice}"
_ASKED = """{material}

{after}

The checklist:
{items}

Say of every item how it stood before the step to be judged, and how it stands after it: done (it holds), started (something that is needed for it was \
done), or open. What the step says of itself is no sign that something is done; what the pages show is. Give a sentence of reasons for each item, then end \
your answer with one JSON object that has a word for every item twice, in double quotes:
{{"key": "{key}", "items": {{{fields}}}}}"""
_UNKNOWN = "What is seen after this step is not known; say how the items will stand, as far as what is seen now and the step can tell."


class ChecklistProtocol(StepwiseProtocol):
    """What is brought forward, as a share of what is brought forward and what falls back; where neither happens, what an idle step is worth."""

    id = "checklist"
    version = "1"

    def __init__(
        self, *, votes: int | None = None, temperature: float | None = None, max_tokens: int = 4096, quorum: float = 0.5, idle: float = 0.4, images: bool = True
    ) -> None:
        """Choose what a step is worth that changes nothing.

        Args:
            votes: see `SampledProtocol`.
            temperature: see `SampledProtocol`.
            max_tokens: see `SampledProtocol`.
            quorum: see `SampledProtocol`.
            idle: the score of a step after which every item stands as before, in [0, 1]. 0.4 calls it wrong, but better than one that undoes something.
            images: show the windows too, where they are claimed.

        Raises:
            OptionError: one of them is out of range.
        """
        super().__init__(votes=votes, temperature=temperature, max_tokens=max_tokens, quorum=quorum)
        if isinstance(idle, bool) or not isinstance(idle, int | float) or not 0 <= idle <= 1:
            raise OptionError(f"idle is a number from 0 to 1, got {idle!r}")
        if not isinstance(images, bool):
            raise OptionError(f"images is true or false, got {images!r}")
        self.idle, self.images = float(idle), images
        self.options = {"idle": f"{self.idle:g}", "images": str(images)}

    def judge_last(self, chains: Sequence[Chain], ask: Ask) -> list[StepRead]:
        """One verdict a chain, in two rounds: the lists of all problems, and the steps."""
        problems = list(dict.fromkeys(chain.problem for chain in chains))
        made = ask([self.request(_list(problem)) for problem in problems]) if problems else []
        lists = {problem: _items(result, problem) for problem, result in zip(problems, made, strict=True)}
        judged = [at for at, chain in enumerate(chains) if lists[chain.problem].value is not None]
        found = {at: failure(lists[chain.problem], "the checklist") for at, chain in enumerate(chains)}
        held = [(chains[at], tuple(lists[chains[at].problem].value or ())) for at in judged]
        for at, (_, items), read in zip(judged, held, self.voted(held, self._question, self._read, ask), strict=True):
            found[at] = msgspec.structs.replace(read, evidence={"items": list(items), **read.evidence})
        return [found[at] for at in range(len(chains))]

    def _question(self, held: tuple[Chain, tuple[str, ...]]) -> tuple[Message, ...]:
        chain, items = held
        frame, last = framing(chain), chain.steps[-1]
        after = f"What is seen after this step:\n\n{frame.framed(f'observation_{len(chain) + 1}', last.after)}" if last.after else _UNKNOWN
        shown = _windows(chain) if self.images else ()
        if shown:
            after = "The last picture is the window after this step." if not last.after else f"{after}\n\nThe last picture is the window then."
            after += " The one before it is the window before the step." if len(shown) > 1 else ""
        listed = "\n".join(f"{number}. {harmless(' '.join(item.split()))}" for number, item in enumerate(items, start=1))
        fields = ", ".join(f'"{number} {when}": word' for number in range(1, len(items) + 1) for when in ("before", "after"))
        asked = _ASKED.format(material=with_last(chain, frame), after=after, items=listed, key=frame.key, fields=fields)
        return (Message("system", _JUDGE.format(notice=frame.notice)), Message("user", asked, shown))

    def _read(self, held: tuple[Chain, tuple[str, ...]], result: ChatResult) -> StepRead:
        chain, items = held
        answer = answer_of(result)
        names = [f"{number} {when}" for number in range(1, len(items) + 1) for when in ("before", "after")]

        def said(states: dict[str, float]) -> StepRead:
            before, after = ([states[name] for name in names[side::2]] for side in (0, 1))
            gained = sum(max(0.0, now - then) for then, now in zip(before, after, strict=True))
            lost = sum(max(0.0, then - now) for then, now in zip(before, after, strict=True))
            score = gained / (gained + lost) if gained + lost > 0 else self.idle
            reason = "every item stands as before" if gained + lost == 0 else f"{gained:g} items are brought forward, {lost:g} fall back"
            return StepRead(score, reason, {"before": before, "after": after, "progress": sum(after) / len(items), "critique": note(answer.value or "")})

        return told(answer.then(lambda text: worded(text, framing(chain).key, "items", names, _STATES)), said)


def _windows(chain: Chain) -> tuple[bytes, ...]:
    """The window before the last step and after it, where they are claimed; none without the latter."""
    if not chain.steps[-1].image:
        return ()
    before = chain.steps[-2].image if len(chain) > 1 else b""
    return (before, chain.steps[-1].image) if before else (chain.steps[-1].image,)


def _list(problem: str) -> tuple[Message, ...]:
    frame = framing(Chain(problem, ()))
    asked = _LIST.format(problem=frame.framed("problem", problem), most=_MOST_ITEMS, key=frame.key)
    return (Message("system", _PLANNER.format(notice=frame.notice)), Message("user", asked))


def _items(result: ChatResult, problem: str) -> Reading[list[str]]:
    return answer_of(result).then(lambda answer: texts(answer, framing(Chain(problem, ())).key, "items", _MOST_ITEMS))
