"""prm_gym/Search-v0: questions whose answer takes several facts, to be found by searching a library.

Who is the mayor of the town where Ada Brandahl was born?

{"name": "search", "arguments": {"query": "Ada Brandahl born"}}         the documents that fit best, each with the sentence that fits best
{"name": "read", "arguments": {"document": "d17"}}                      a whole document
{"name": "answer", "arguments": {"text": "Kasimir Lundov"}}             the end

Source: questions over several documents are those of HotpotQA (Yang et al. 2018, arXiv 1809.09600) and MuSiQue (Trivedi et al. 2022, arXiv 2108.00573),
searching in turns that of Search-R1 (Jin et al. 2025, arXiv 2503.09516); worlds, questions and texts are our own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Unpack

from prm_gym.claims import Hop, Json, Retrieval, SupportedAnswer
from prm_gym.env import StepEnv
from prm_gym.envs.tools.search_candidates import listed
from prm_gym.envs.tools.search_files import SENTENCE_LENGTH, Asked, load_library, load_questions, page, shortened
from prm_gym.envs.tools.world import World
from prm_gym.envs.tools.world_questions import LEVELS, MOST, USUAL, Question, question
from prm_gym.errors import OptionError
from prm_gym.options import StepOptions, require_candidates, require_difficulty
from prm_gym.retrieval import Library, normalized_answer, words
from prm_gym.task import Task, content_key
from prm_gym.tools import Tool, ToolCall, Unreadable, call_text, described, required_call
from prm_gym.transition import Situation, Transition

MOST_WORDS = 32  # of a query

TOOLS = (
    Tool(
        "search",
        "Finds the documents that fit a query best. Shows the id and title of each and its sentence that fits best. "
        f"Of a longer query the first {MOST_WORDS} words count.",
        {
            "query": {"type": "string", "minLength": 1, "maxLength": 1_000, "description": "Words to look for."},
            "k": {"type": "integer", "minimum": 1, "maximum": MOST, "description": f"How many documents; {USUAL} unless given."},
        },
        optional=("k",),
    ),
    Tool(
        "read",
        "Shows a document from a sentence on.",
        {
            "document": {"type": "string", "minLength": 1, "maxLength": 200, "description": "Id of the document, as `search` shows it: d17."},
            "start": {"type": "integer", "minimum": 1, "description": "Number of the first sentence; 1 unless given."},
        },
        optional=("start",),
    ),
    Tool("answer", "Answers the question and ends.", {"text": {"type": "string", "minLength": 1, "maxLength": 1_000, "description": "The answer alone."}}),
)

INSTRUCTIONS = f"""\
Answer the question by searching a library. Nothing can be known beforehand: the answer has to be found there, often over several documents. Things may have a
second name. Each step is one call of a tool, written as JSON:
    {{"name": "search", "arguments": {{"query": "Tarnholt mayor"}}}}
    {{"name": "read", "arguments": {{"document": "d17"}}}}
    {{"name": "answer", "arguments": {{"text": "Kasimir Lundov"}}}}
The answer is one name or number and nothing else. It ends the episode.
The tools:
{described(TOOLS)}"""


class SearchEnv(StepEnv):
    """Find the answer to a question by searching and reading.

    Observation: the question at first, then what the tool answered, at most 6,000 characters.

    Action: one call of `search`, `read` or `answer` (see `prm_gym.tools`). What is no call of these with arguments that fit changes nothing and is claimed
    `Malformed`. A call that fits and cannot be done (no such document) is a step, and answered with "Error: ...".

    Claims of a search or reading: `Retrieval`, with the path of facts that the answer rests on and the passages (sentences) that were shown. Of an answer:
    `SupportedAnswer`. The default verifier `path` says whether a fact of the path was newly reached, and whether the answer was a guess.

    Outcome: 1 for the right answer (without case, punctuation and articles; second names count), else 0; a guess that is right earns it too, and `path` tells.

    state_key: the task, what has been shown, what was asked, and the last answer of a tool.

    Tasks are generated, each with a world of its own (120 to 300 documents; see `world` and `world_questions` beside this module), or read from files:
    `corpus=PATH, questions=PATH` (see `search_files` for their layout; that of HotpotQA's questions is understood).

    Candidates: in generated worlds, `info["actions"]` lists `candidates` calls in random order: searches for names that are in view, up to three documents that
    were found, and eight answers of the kind that is asked for, those in view first; the next call of the scripted way is among them. Which ones follows from
    the task and the passages in view alone, so a useless call brings no others (see `search_candidates`). With files none are listed.

    Difficulty 1 to 5: one fact; two, or the person that has both of two things; three, with second names and comparisons; three and four, and years between
    events or between an author's books; four and more, and these with longer descriptions.

    What shortcuts earn: a random agent less than 0.1 at every difficulty, which the tests hold; one that tries calls at random then answers what is new in the
    list, 0.07 to 0.15. At 1, a search for the question shows the one sentence: finding and reading it is the task. At 2, who is named most often with both
    things is the person asked for in half of those questions. Of several things that are compared, one is right by chance: 1 of 3 or 4, once they are known.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("path",)

    def __init__(
        self,
        *,
        difficulty: int = 2,
        corpus: str | Path | None = None,
        questions: str | Path | None = None,
        candidates: int = 16,
        **options: Unpack[StepOptions],
    ) -> None:
        """Choose the tasks.

        Args:
            difficulty: 1 to 5; of generated tasks.
            corpus: file of documents; given with `questions`.
            questions: file of questions.
            candidates: how many actions are listed at most; >= 14, or 0 for none.
            **options: see `StepOptions`; max_steps is 2 and twice the calls that the longest solution of the level takes unless given, and at least 16 with
                files.

        Raises:
            OptionError: a value out of range, or a file that cannot be read.
        """
        require_difficulty(difficulty, LEVELS)
        require_candidates(candidates, least=14)
        if (corpus is None) is not (questions is None):
            raise OptionError("corpus and questions are given together: a file of documents and one of questions about them")
        self.corpus = None if corpus is None else str(corpus)
        self.questions = None if questions is None else str(questions)
        self._held: tuple[Library, tuple[Asked, ...]] | None = None
        if options.get("max_steps") is None:
            longest = max((len(asked.plan) + 1 for asked in self._loaded() or ()), default=0)
            options["max_steps"] = max(16, 2 * longest) if corpus else 2 * LEVELS[difficulty].most_calls + 2
        super().__init__(**options)
        self.difficulty, self.candidates = difficulty, candidates
        self._asked_for: list[str] = []
        self._shown: list[str] = []
        self._hops: tuple[Hop, ...] = ()
        self._here: tuple[World, Question] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the world and the library, which are made or read again."""
        return {**self.__dict__, "_here": None, "_held": None}

    @property
    def tools(self) -> tuple[Tool, ...]:
        """`search`, `read` and `answer`."""
        return TOOLS

    @property
    def task_count(self) -> int | None:
        """The number of questions of the file; None where they are generated."""
        loaded = self._loaded()
        return None if loaded is None else len(loaded)

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a question, or take the one that `options["task_index"]` names."""
        index, loaded = self.choose_task(options), self._loaded()
        task = _generated(int(self.np_random.integers(1 << 62)), self.difficulty) if loaded is None else _given(loaded[index or 0], index or 0)
        self._asked_for, self._shown, self._here = [], [], None
        self._hops = _hops(task)
        return task, self._situation_of(task, task.question)

    def advance(self, action: str) -> Transition:
        """Search, read, or end with the answer."""
        call = required_call(action, TOOLS)
        if isinstance(call, Unreadable):
            return self.malformed(call.reason)
        if call.name == "answer":
            return self._answer(str(call.arguments["text"]))
        return self._search(call) if call.name == "search" else self._read(call)

    def save_state(self) -> Json:
        """What was asked for and shown."""
        return {"asked": list(self._asked_for), "shown": list(self._shown)}

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave."""
        self._asked_for, self._shown, self._here = list(state["asked"]), list(state["shown"]), None
        self._hops = _hops(self.task)

    def solution(self) -> list[str]:
        """The calls that bring the path into view, and the answer."""
        return [*self.task.sealed["plan"], call_text("answer", text=self.task.sealed["golds"][0])]

    def _search(self, call: ToolCall) -> Transition:
        query, k = str(call.arguments["query"]), _whole(call.arguments.get("k", USUAL))
        asked = f"{query} ({k})" if k != USUAL else query
        library = self._library(self.task)
        taken = words(query)
        lines = [f"(of the query, the first {MOST_WORDS} words were looked for)"] if len(taken) > MOST_WORDS else []
        shown: list[str] = []
        hits = library.search(" ".join(taken[:MOST_WORDS]), k)
        for hit in hits:
            document = library.documents[hit.document]
            sentence = document.sentences[hit.sentence]
            lines.append(f"[{document.id}] {shortened(document.title)}: {shortened(sentence)}")
            if len(sentence) <= SENTENCE_LENGTH:  # what is cut off was not shown
                shown.append(f"{document.id}#{hit.sentence}")
        return self._step(query, asked, tuple(shown), "\n".join(lines if hits else [*lines, "No document holds a word of this."]))

    def _read(self, call: ToolCall) -> Transition:
        name, start = str(call.arguments["document"]), _whole(call.arguments.get("start", 1))
        asked = f"read {name} {start}"
        library = self._library(self.task)
        place = library.place(name)
        if place is None:
            return self._step(asked, asked, (), "", f"there is no document {name[:60]!r}")
        document = library.documents[place]
        if start > len(document.sentences):
            return self._step(asked, asked, (), "", f"{name} has {len(document.sentences)} sentences")
        lines = page(document, start - 1)
        shown = [f"{document.id}#{number}" for number in range(start - 1, start - 1 + len(lines))]
        following = start - 1 + len(lines)
        if following < len(document.sentences):
            lines.append(f"... cut here: {len(document.sentences) - following} sentences are left (start={following + 1})")
        if {f"{document.id}#{number}" for number in range(len(document.sentences))} <= {*self._shown, *shown}:
            shown.append(f"{document.id}#")
        return self._step(asked, asked, tuple(shown), "\n".join([f"[{document.id}] {shortened(document.title)}", *lines]))

    def _step(self, query: str, asked: str, shown: tuple[str, ...], answer: str, error: str = "") -> Transition:
        claim = Retrieval(query, self._hops, shown, tuple(self._shown), tuple(dict.fromkeys(self._asked_for)), error)
        self._asked_for.append(asked)
        self._shown = list(dict.fromkeys([*self._shown, *shown]))
        return Transition(situation=self._situation_of(self.task, f"Error: {error}" if error else answer), claims=(claim,))

    def _answer(self, text: str) -> Transition:
        golds = tuple(self.task.sealed["golds"])
        right = bool(normalized_answer(text)) and normalized_answer(text) in {normalized_answer(gold) for gold in golds}
        claim = SupportedAnswer(text, golds, self._hops, tuple(self._shown))
        situation = Situation(observation="The answer was given.", state_key=content_key(self.situation.state_key, "answered", normalized_answer(text)))
        return Transition(situation=situation, claims=(claim,), terminated=True, outcome=float(right))

    def _situation_of(self, task: Task, observation: str) -> Situation:
        state_key = content_key("search", task.key, observation, *sorted(self._shown), "asked", *sorted(set(self._asked_for)))
        actions: tuple[str, ...] = ()
        if self.candidates and "world" in task.sealed:
            actions = listed(*self._place(task), self._shown, self._asked_for, self.candidates, task.key, state_key)
        return Situation(observation=observation, state_key=state_key, actions=actions)

    def _library(self, task: Task) -> Library:
        held = self._files()
        return self._place(task)[0].library if held is None else held[0]

    def _place(self, task: Task) -> tuple[World, Question]:
        if self._here is None:
            self._here = question(task.sealed["world"]["seed"], task.sealed["world"]["level"])
        return self._here

    def _files(self) -> tuple[Library, tuple[Asked, ...]] | None:
        """What the files held when this environment read them first; later changes are for other environments."""
        if self._held is None and self.corpus is not None and self.questions is not None:
            self._held = (load_library(self.corpus), load_questions(self.questions, self.corpus))
        return self._held

    def _loaded(self) -> tuple[Asked, ...] | None:
        held = self._files()
        return None if held is None else held[1]


def _whole(value: Json) -> int:
    """A whole number that the schema has let through: 5, or 5.0."""
    return int(value) if isinstance(value, int | float) else 1


def _hops(task: Task) -> tuple[Hop, ...]:
    return tuple(Hop(tuple(hop["evidence"]), tuple(hop["after"]), hop["name"]) for hop in task.sealed["hops"])


def _sealed_hops(hops: tuple[Hop, ...]) -> list[Json]:
    return [{"evidence": list(hop.evidence), "after": list(hop.after), "name": hop.name} for hop in hops]


def _generated(entropy: int, level: int) -> Task:
    _, asked = question(entropy, level)
    return Task(
        key=content_key("Search-v0", str(entropy), str(level)),
        instructions=INSTRUCTIONS,
        question=asked.text,
        sealed={
            "golds": list(asked.golds),
            "hops": _sealed_hops(asked.hops),
            "plan": [call_text(call.name, **call.arguments) for call in asked.plan],
            "world": {"seed": entropy, "level": level},
        },
        metadata={"difficulty": level, "form": asked.form, "hops": len(asked.hops)},
    )


def _given(asked: Asked, index: int) -> Task:
    return Task(
        key=content_key("Search-v0", asked.text, *asked.golds),
        instructions=INSTRUCTIONS,
        question=asked.text,
        sealed={"golds": list(asked.golds), "hops": _sealed_hops(asked.hops), "plan": list(asked.plan)},
        metadata={"index": index, "hops": len(asked.hops)},
    )
