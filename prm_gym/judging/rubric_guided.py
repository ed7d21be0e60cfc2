"""Judging by a rubric: named criteria, a router that picks those of the step's skill, and criteria that are made from the situation before the step is seen.

Sources: PPR (Xu et al. 2025, "Hybrid Reward Normalization for Process-supervised Non-verifiable Agentic Tasks", 2509.25598): principles for each step, judged
one by one. WebArbiter (Zhang et al. 2026, 2601.21872): principles induced from the goal and the present state. SCRIBE (Jiang and Ferraro 2026, 2601.03555): a
router sends each subgoal to a skill with a rubric of its own. SWE-TRACE: dimensions of a rubric for steps of software work. The prompts are our own. What
differs: these train their judges, and WebArbiter's judge compares two actions; here one action is held against the criteria. Criteria from the situation are
asked for before the step is shown, so that a step cannot bend its own rubric, and equal situations share theirs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from prm_gym.chains import Chain, ChainStep, chain_keys
from prm_gym.chat import ChatResult, Message
from prm_gym.errors import OptionError
from prm_gym.judging.framing import framing, harmless
from prm_gym.judging.grades import texts, worded
from prm_gym.judging.protocol import Ask
from prm_gym.judging.reading import Reading, answer_of, boxed_word
from prm_gym.judging.rubrics import BUNDLED, AskedCriterion, AskedRubric, Skill, fitting, load_rubric
from prm_gym.judging.stepwise import StepRead, StepwiseProtocol, failure, note, situation, told, with_last
from prm_gym.task import content_key

MARKS: dict[str, float | None] = {"yes": 1.0, "partly": 0.5, "no": 0.0, "inapplicable": None, "unclear": None}
_WORDS = {word: word for word in MARKS}
_MOST_GROUNDED = 5
_COVERAGE = 0.5  # of the weight that has to be decided

_ROUTER = "You sort steps by the skill that they use. {notice}"
_ROUTE = """{material}

Which of these skills does the step use?
{skills}
- none: none of them

Do not judge whether the step is right. End your answer with the name of one skill in a box: \\boxed{{name of the skill}}."""
_PLANNER = "You say what a good next step has to do. {notice}"
_GROUND = """{material}

The next step is not written yet. Derive from what is wanted and from the present situation what a good next step has to fulfil: at most {most} short \
sentences, each of which can be answered with yes or no once the step is there, and none of which prescribes a form of words. Think first, then end your \
answer with one JSON object: {{"key": "{key}", "criteria": [sentence, ...]}}, the sentences in double quotes."""
_JUDGE = "You hold steps against criteria, one by one. {notice}"
_ASKED = """{material}

Hold the step against each of these criteria:
{criteria}

Of each say in a sentence what in the step speaks for or against it. A criterion is inapplicable where the step does nothing of the kind that it speaks of, \
and unclear where it applies and cannot be told from what is shown. Then end your answer with one JSON object that has a word for every criterion, in double \
quotes:
{{"key": "{key}", "criteria": {{{fields}}}}}
The words are yes (it holds), partly, no (it does not hold), inapplicable, unclear."""


class RubricGuidedProtocol(StepwiseProtocol):
    """The weighted share of the criteria that hold; 0 where a gate does not; None where a gate is unclear, or too few of them can be told."""

    id = "rubric_guided"
    version = "2"

    def __init__(
        self,
        *,
        votes: int | None = None,
        temperature: float | None = None,
        max_tokens: int = 4096,
        quorum: float = 0.5,
        rubric: str | Path | AskedRubric = "auto",
        route: bool = True,
        ground: bool = False,
    ) -> None:
        """Choose the rubric.

        Args:
            votes: see `SampledProtocol`.
            temperature: see `SampledProtocol`.
            max_tokens: see `SampledProtocol`.
            quorum: see `SampledProtocol`.
            rubric: "auto" for the one of ours that fits the problem, "code", "maths", "tools", "web", a path (.toml, .json), or a rubric.
            route: ask which skill a step uses, and add the criteria of that skill.
            ground: ask for criteria of the situation, before the step is seen, and add these.

        Raises:
            UnknownNameError: there is no rubric of that name.
            OptionError: a file is no rubric, or a value is out of range.
        """
        super().__init__(votes=votes, temperature=temperature, max_tokens=max_tokens, quorum=quorum)
        for name, value in (("route", route), ("ground", ground)):
            if not isinstance(value, bool):
                raise OptionError(f"{name} is true or false, got {value!r}")
        self.rubric = rubric if isinstance(rubric, AskedRubric) else None if rubric == "auto" else load_rubric(rubric)
        self.route, self.ground = route, ground
        asked = self.rubric or tuple(load_rubric(name) for name in BUNDLED)
        self.options = {"rubric": content_key(msgspec.json.encode(asked).decode())[:8], "route": str(route), "ground": str(ground)}

    def judge_last(self, chains: Sequence[Chain], ask: Ask) -> list[StepRead]:
        """One verdict a chain, in two rounds: skills and criteria of the situation first, then the verdicts."""
        rubrics = [self.rubric or fitting(chain) for chain in chains]
        skills, grounded = self._prepare(chains, rubrics, ask)
        criteria: dict[int, tuple[AskedCriterion, ...]] = {}
        found: dict[int, StepRead] = {}
        for at, rubric in enumerate(rubrics):
            unknown = next((reading for reading in (skills[at], grounded[at]) if reading.value is None), None)
            if unknown is not None:
                found[at] = failure(unknown)
                continue
            listed = [*rubric.criteria, *(criterion for skill in skills[at].value or () for criterion in skill.criteria), *(grounded[at].value or ())]
            if listed:
                criteria[at] = tuple(listed)
            else:
                found[at] = StepRead(None, f"the rubric {rubric.name!r} asks nothing of a step without a skill")
        held = [(chains[at], asked) for at, asked in criteria.items()]
        for at, read in zip(criteria, self.voted(held, _question, _read, ask), strict=True):
            facts = {"rubric": rubrics[at].name, "skills": [skill.name for skill in skills[at].value or ()]}
            found[at] = msgspec.structs.replace(read, evidence={**facts, **read.evidence})
        return [found[at] for at in range(len(chains))]

    def _prepare(
        self, chains: Sequence[Chain], rubrics: Sequence[AskedRubric], ask: Ask
    ) -> tuple[list[Reading[tuple[Skill, ...]]], list[Reading[tuple[AskedCriterion, ...]]]]:
        """The skill of each step and the criteria of its situation, where they are wanted; all is asked at once."""
        routed = [at for at, rubric in enumerate(rubrics) if self.route and rubric.skills]
        situations = {_before(chain): chain for chain in chains} if self.ground else {}
        questions = [*(_route(chains[at], rubrics[at]) for at in routed), *(_ground(chain) for chain in situations.values())]
        results = ask([self.request(messages) for messages in questions]) if questions else []
        skills: list[Reading[tuple[Skill, ...]]] = [Reading(()) for _ in chains]
        for at, result in zip(routed, results, strict=False):
            skills[at] = _skill(result, rubrics[at])
        grounded = dict(zip(situations, results[len(routed) :], strict=True))
        return skills, [_grounded(grounded[_before(chain)], chain) if self.ground else Reading(()) for chain in chains]


def _before(chain: Chain) -> str:
    """A key of the situation that a step was written in."""
    return chain_keys(_unwritten(chain))[-1]


def _unwritten(chain: Chain) -> Chain:
    return Chain(chain.problem, (*chain.steps[:-1], ChainStep("", chain.steps[-1].seen)))


def _route(chain: Chain, rubric: AskedRubric) -> tuple[Message, ...]:
    frame = framing(chain)
    listed = "\n".join(f"- {skill.name}: {skill.when}" for skill in rubric.skills)
    return (Message("system", _ROUTER.format(notice=frame.notice)), Message("user", _ROUTE.format(material=with_last(chain, frame), skills=listed)))


def _skill(result: ChatResult, rubric: AskedRubric) -> Reading[tuple[Skill, ...]]:
    words: dict[str, tuple[Skill, ...]] = {"none": (), **{skill.name.lower(): (skill,) for skill in rubric.skills}}
    found = answer_of(result).then(lambda answer: boxed_word(answer, words))
    return found if found.value is not None else Reading(None, f"of the step's skill: {found.reason}", found.status)


def _ground(chain: Chain) -> tuple[Message, ...]:
    frame = framing(_unwritten(chain))
    asked = _GROUND.format(material=situation(chain, frame), most=_MOST_GROUNDED, key=frame.key)
    return (Message("system", _PLANNER.format(notice=frame.notice)), Message("user", asked))


def _grounded(result: ChatResult, chain: Chain) -> Reading[tuple[AskedCriterion, ...]]:
    listed = answer_of(result).then(lambda answer: texts(answer, framing(_unwritten(chain)).key, "criteria", _MOST_GROUNDED))
    if listed.value is None:
        return Reading(None, f"of the criteria of the situation: {listed.reason}", listed.status)
    return Reading(tuple(AskedCriterion(f"situation_{at}", str(sentence)) for at, sentence in enumerate(listed.value, start=1)))


def _question(held: tuple[Chain, tuple[AskedCriterion, ...]]) -> tuple[Message, ...]:
    chain, criteria = held
    frame = framing(chain)
    listed = "\n".join(f"- {criterion.name}: {harmless(' '.join(criterion.ask.split()))}" for criterion in criteria)
    fields = ", ".join(f'"{criterion.name}": word' for criterion in criteria)
    asked = _ASKED.format(material=with_last(chain, frame), criteria=listed, key=frame.key, fields=fields)
    return (Message("system", _JUDGE.format(notice=frame.notice)), Message("user", asked))


def _read(held: tuple[Chain, tuple[AskedCriterion, ...]], result: ChatResult) -> StepRead:
    chain, criteria = held
    answer = answer_of(result)
    said = answer.then(lambda text: worded(text, framing(chain).key, "criteria", [criterion.name for criterion in criteria], _WORDS))
    return told(said, lambda words: weighed(words, criteria, answer.value or ""))


def weighed(words: Mapping[str, str], criteria: Sequence[AskedCriterion], answer: str = "") -> StepRead:
    """What the words of the judge come to.

    A gate that does not hold makes the step worth nothing, whatever else is said. One that is unclear leaves the whole untold: it may be the one that fails.
    What is inapplicable or unclear has no part in the share; where that is more than half of the weight, the whole is untold too.

    >>> asked = [AskedCriterion("a", "It is so.", 3.0), AskedCriterion("b", "It is thus."), AskedCriterion("c", "It is safe.", gate=True)]
    >>> said = ("yes no yes", "yes yes no", "yes unclear inapplicable", "yes yes unclear", "inapplicable yes yes")
    >>> [weighed(dict(zip("abc", words.split())), asked).score for words in said]
    [0.8, 0.0, 1.0, None, None]

    Args:
        words: of `MARKS`, for each criterion.
        criteria: with their weights.
        answer: of the judge, for the evidence.
    """
    decided = [(criterion, mark) for criterion in criteria if (mark := MARKS[words[criterion.name]]) is not None]
    evidence = {"criteria": dict(words), "critique": note(answer)}
    failed = next((criterion.name for criterion, mark in decided if criterion.gate and mark == 0.0), None)
    if failed is not None:
        return StepRead(0.0, f"the gate {failed!r} does not hold", evidence)
    unclear = next((criterion.name for criterion in criteria if criterion.gate and words[criterion.name] == "unclear"), None)
    if unclear is not None:
        return StepRead(None, f"whether the gate {unclear!r} holds is unclear", evidence)
    weight, total = sum(criterion.weight for criterion, _ in decided), sum(criterion.weight for criterion in criteria)
    if weight < _COVERAGE * total:
        return StepRead(None, f"only {len(decided)} of {len(criteria)} criteria could be told", evidence)
    score = sum(criterion.weight * mark for criterion, mark in decided) / weight
    lacking = [criterion.name for criterion, mark in decided if mark < 1.0]
    return StepRead(score, f"lacking: {', '.join(lacking)}" if lacking else f"all {len(decided)} criteria that can be told hold", evidence)
