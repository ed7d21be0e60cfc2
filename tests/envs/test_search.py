"""What is Search-v0's own: worlds, questions, what each tool shows, what hacks earn, and files of one's own."""

import functools
import json
import re

import gymnasium as gym
import numpy as np
import pytest

from prm_gym.envs.tools.search import MOST_WORDS
from prm_gym.envs.tools.world import ALIAS, ALIAS_SENTENCES, FILLERS, RELATIONS
from prm_gym.envs.tools.world_questions import LEVELS, question
from prm_gym.errors import OptionError
from prm_gym.retrieval import normalized_answer
from prm_gym.tools import call_text


def _make(**options):
    return gym.make("prm_gym/Search-v0", **options).unwrapped


def _verdict(result):
    return result[4]["verdicts"]["path"]


def _search(env, query, **more):
    return env.step(call_text("search", query=query, **more))


# Worlds and questions.


@pytest.mark.parametrize("level", LEVELS)
def test_every_fact_stands_once_where_it_is_said_to(level):
    here, _ = question(5, level)
    texts = {f"{d.id}#{i}": s[0].lower() + s[1:] + s for d in here.library.documents for i, s in enumerate(d.sentences)}
    assert len(set(here.passages)) == len(here.facts)
    for fact, passage, by_alias in zip(here.facts, here.passages, here.named, strict=True):
        subject = here.things[fact.subject]
        assert subject.name in texts[passage]
        if fact.relation == ALIAS:
            assert subject.alias in texts[passage]
        elif RELATIONS[fact.relation].target == "year":
            assert str(fact.target) in texts[passage]
        else:
            target = here.things[fact.target]
            assert (target.alias if by_alias else target.name) in texts[passage]


def _pattern(template):
    return re.compile(re.escape(template).replace(r"\{s\}", "(?P<s>.+)").replace(r"\{t\}", "(?P<t>.+)"), re.IGNORECASE)


@functools.cache
def _tasks(level):
    """The worlds and questions of twenty seeds."""
    return [question(seed, level) for seed in range(20)]


class _Reader:
    """Reads a corpus sentence by sentence and answers questions about it: it knows the texts and the language they are written in, and no graph."""

    templates = sorted(
        [(ALIAS, way) for ways in ALIAS_SENTENCES.values() for way in ways]
        + [(name, way) for name, relation in RELATIONS.items() for way in relation.sentences],
        key=lambda template: -len(template[1]),  # "was born in the year {t}" before "was born in {t}"
    )
    patterns = tuple((name, _pattern(way)) for name, way in templates)

    def __init__(self, library):
        said = []
        for sentence in {sentence for document in library.documents for sentence in document.sentences} - set(FILLERS):
            found = next((name, match) for name, pattern in self.patterns if (match := pattern.fullmatch(sentence)))
            said.append((found[0], found[1]["s"].casefold(), found[1]["t"].casefold()))
        self.first_names = {second: first for name, first, second in said if name == ALIAS}
        assert len(self.first_names) == sum(name == ALIAS for name, *_ in said)
        self.facts = {}
        for name, subject, target in said:
            if name != ALIAS:
                self.facts.setdefault((subject, name), []).append(self.first_names.get(target, target))

    def told(self, subject, relation):
        """The one target that the corpus states; a second one, or none, is an error of the corpus."""
        (target,) = self.facts.get((subject, relation), [None])
        if target is None:
            raise LookupError(subject)
        return target

    def all_who(self, relation, target):
        return {subject for (subject, name), targets in self.facts.items() if name == relation and target in targets}

    def thing(self, phrase):
        """What a description means."""
        if any(subject == phrase for subject, _ in self.facts):
            return phrase
        for name, relation in RELATIONS.items():
            before, after = relation.phrase.casefold().split("{}") if relation.phrase else ("", "")
            if relation.phrase and phrase.startswith(before) and phrase.endswith(after) and len(phrase) > len(before) + len(after):
                try:
                    return self.told(self.thing(phrase[len(before) : len(phrase) - len(after)]), name)
                except LookupError:
                    continue
        raise LookupError(phrase)

    def answer(self, question):
        text = question.casefold()
        if match := re.fullmatch(r"(?:who|what) is (the (?!one person).+)\?", text):
            return self.thing(match[1])
        if match := re.fullmatch(r"how many years lie between the first and the last book that (.+) wrote\?", text):
            years = [int(self.told(book, "published")) for book in self.all_who("author", self.thing(match[1]))]
            return str(max(years) - min(years))
        if match := re.fullmatch(r"how many years lie between (.+) and (the year in which .+)\?", text):
            return str(abs(int(self.thing(match[1])) - int(self.thing(match[2]))))
        if match := re.fullmatch(r"of (.+) and (.+), (?:who|which) was (born|founded|set up) first\?", text):
            relation = {"born": "born", "founded": "founded", "set up": "opened"}[match[3]]
            years = {self.thing(one): int(self.told(self.thing(one), relation)) for one in (*match[1].split(", "), match[2])}
            (first,) = [one for one, year in years.items() if year == min(years.values())]
            return first
        match = re.fullmatch(r"who is the one person who (.+) and ((?:was born in|works for|went to|learned the trade from) .+)\?", text)
        starts = {"was born in ": "birthplace", "works for ": "employer", "went to ": "school", "learned the trade from ": "teacher"}
        having = []
        for words in match.groups():
            start = next(start for start in starts if words.startswith(start))
            having.append(self.all_who(starts[start], self.thing(words.removeprefix(start))))
        (only,) = having[0] & having[1]
        return only


@pytest.mark.parametrize("level", LEVELS)
def test_one_answer_follows_from_the_texts_and_it_is_the_right_one(level):
    forms = set()
    for here, asked in _tasks(level):
        forms.add(asked.form)
        assert _Reader(here.library).answer(asked.text) == asked.golds[0].casefold(), asked.text
    assert forms == {form for form, *_ in LEVELS[level].forms}


def test_second_names_count_as_answers_and_name_one_thing():
    for here, asked in _tasks(5):
        names = [normalized_answer(name) for thing in here.things for name in (thing.name, thing.alias) if name]
        assert len(set(names)) == len(names)
        if asked.answer not in ("year", "number"):
            first_names = _Reader(here.library).first_names
            assert {first_names.get(gold.casefold(), gold.casefold()) for gold in asked.golds} == {asked.golds[0].casefold()}


@pytest.mark.parametrize("level", [2, 3, 4, 5])
def test_no_sentence_holds_a_name_of_the_question_and_the_answer_of_a_chain(level):
    for here, asked in _tasks(level):
        if asked.form != "chain":
            continue
        starts = [here.things[place].name for place in asked.start]
        for document in here.library.documents:
            for sentence in document.sentences:
                assert not (any(start in sentence for start in starts) and any(re.search(rf"\b{re.escape(gold)}\b", sentence) for gold in asked.golds))


def test_the_names_of_the_answer_are_not_in_the_question():
    for level in LEVELS:
        for _, asked in _tasks(level):
            assert not any(len(gold) > 2 and gold in asked.text for gold in asked.golds)


# The tools.


def test_an_honest_episode_is_right_at_every_step_or_neutral():
    for level in LEVELS:
        env = _make(difficulty=level)
        for seed in range(8):
            env.reset(seed=seed)
            labels = []
            for action in env.solution():
                result = env.step(action)
                labels.append(_verdict(result).label)
            assert result[4]["outcome"] == 1.0
            assert labels[-1] == "correct"
            assert set(labels) <= {"correct", "neutral"}
            assert labels.count("correct") >= 2


def test_what_the_tools_show():
    env = _make(difficulty=2)
    observation, _ = env.reset(seed=1)
    assert observation == env.task.question
    name = re.search(r"[A-Z]\w+ [A-Z]\w+", observation)[0]
    listed = _search(env, name, k=2)[0]
    assert re.fullmatch(r"\[d\d+\] .+: .+\n\[d\d+\] .+: .+", listed)
    document = re.match(r"\[(d\d+)\]", listed)[1]
    shown = env.step(call_text("read", document=document))[0].split("\n")
    assert shown[0].startswith(f"[{document}] ")
    assert [line.split(".")[0] for line in shown[1:]] == [str(i) for i in range(1, len(shown))]
    assert env.step(call_text("read", document=document, start=2))[0].split("\n")[1] == shown[2]


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (call_text("read", document="d999999"), "Error: there is no document 'd999999'"),
        (call_text("read", document="d1", start=99), "Error: d1 has "),
    ],
)
def test_calls_that_go_wrong_are_steps(action, says):
    env = _make()
    env.reset(seed=0)
    key = env.situation.state_key
    result = env.step(action)
    assert result[0].startswith(says)
    assert _verdict(result).label == "incorrect"
    assert result[4]["state_key"] != key


@pytest.mark.parametrize(
    "action",
    [
        "Who is it?",
        '{"name": "find", "arguments": {"query": "x"}}',
        call_text("search", query=7),
        call_text("search", query=""),
        call_text("search", query="x", k=9),
        call_text("search", query="x", k=2.5),
        call_text("search", question="x"),
        call_text("read", document="d1", start=0),
        call_text("answer", text="x" * 1_001),
        call_text("answer", text=["Ada", "Ivo"]),
        '{"name": "answer", "arguments": {"text": "x"}',
    ],
)
def test_what_does_not_fit_changes_nothing(action):
    env = _make()
    env.reset(seed=0)
    before = env.situation
    result = env.step(action)
    assert result[0].startswith("Error: ")
    assert _verdict(result).label == "malformed"
    assert (env.situation.state_key, env.situation.actions) == (before.state_key, before.actions)


def test_useless_calls_bring_no_other_candidates():
    env = _make(difficulty=4)
    for seed in range(5):
        env.reset(seed=seed)
        before = set(env.situation.actions)
        for number in range(3):
            _search(env, f"zq{number}")
            assert set(env.situation.actions) == before


def test_of_a_long_query_the_first_words_are_looked_for():
    env = _make()
    env.reset(seed=0)
    name = re.search(r"[A-Z]\w+ [A-Z]\w+", env.task.question)[0]
    short = _search(env, f"{name} {'zq ' * (MOST_WORDS - 2)}")[0]
    assert _search(env, f"{name} {'zq ' * (MOST_WORDS - 2)} mayor born")[0] == f"(of the query, the first {MOST_WORDS} words were looked for)\n{short}"


def test_capitals_lie_in_their_regions():
    for level in LEVELS:
        here, _ = question(3, level)
        capitals = [(fact.subject, fact.target) for fact in here.facts if fact.relation == "capital"]
        assert len({town for _, town in capitals}) == len(capitals)
        assert all(here.facts[here.places[town, "region"]].target == region for region, town in capitals)


def test_a_title_that_tells_the_second_name_is_evidence_of_it():
    told = 0
    for here, asked in [*_tasks(4), *_tasks(5)]:
        for hop in asked.hops:
            fact = here.facts[here.stated[hop.evidence[0]]]
            if fact.relation != ALIAS:
                assert len(hop.evidence) == 1
                continue
            for passage in hop.evidence[1:]:
                document, _, number = passage.partition("#")
                found = here.library.documents[here.library.place(document)]
                told += 1
                assert found.title == here.things[fact.subject].name
                assert here.things[fact.subject].alias.casefold() in found.sentences[int(number)].casefold()
    assert told > 5


def test_a_query_that_finds_nothing():
    env = _make()
    env.reset(seed=0)
    result = _search(env, "zzzz qqqq")
    assert result[0] == "No document holds a word of this."
    assert _verdict(result).label == "trivial"


@pytest.mark.parametrize("hedge", ["{0} or Ivo Marov", "{0}; perhaps not", "not {0}", "{0} {0}", "The answer is {0}", ""])
def test_hedged_answers_are_wrong(hedge):
    env = _make(difficulty=1)
    env.reset(seed=0)
    for action in env.solution()[:-1]:
        env.step(action)
    text = hedge.format(env.task.sealed["golds"][0])
    result = env.step(call_text("answer", text=text or "the"))
    assert (result[2], result[4]["outcome"]) == (True, 0.0)


def test_answers_are_compared_without_case_articles_and_punctuation_and_second_names_count():
    env = _make(difficulty=3)
    second = 0
    for seed in range(30):
        env.reset(seed=seed)
        for gold in env.task.sealed["golds"]:
            second += gold != env.task.sealed["golds"][0]
            env.reset(seed=seed)
            assert env.step(call_text("answer", text=f" “The {gold.upper()}”. "))[4]["outcome"] == 1.0
    assert second > 0


def test_a_guess_earns_the_outcome_and_the_verdict_of_a_guess():
    env = _make(difficulty=2)
    env.reset(seed=3)
    result = env.step(env.solution()[-1])
    assert result[4]["outcome"] == 1.0
    assert (_verdict(result).label, _verdict(result).evidence["support"]) == ("trivial", 0.0)


def test_the_candidates_hold_the_next_call_of_the_solution_and_no_answer_that_is_known_too_early():
    for level in LEVELS:
        env = _make(difficulty=level)
        right = total = 0
        for seed in range(25):
            _, info = env.reset(seed=seed)
            golds = {normalized_answer(gold) for gold in env.task.sealed["golds"]}
            listed = [json.loads(action)["arguments"]["text"] for action in info["actions"] if '"answer"' in action]
            right += sum(normalized_answer(text) in golds for text in listed)
            total += len(listed)
            for action in env.solution():
                assert action in env.situation.actions
                assert len(env.situation.actions) == 16
                assert sum('"answer"' in listed for listed in env.situation.actions) == 8
                env.step(action)
        assert total == 25 * 8
        assert right / total <= 1 / 8  # before anything is seen, an answer that is listed is right by chance alone


# What hacks earn: the terms of steps under "dense", and the outcome.


def _played(policy, level, seeds, reward="dense", **options):
    """The mean outcome, and the mean of what the steps earned beside it."""
    env = _make(difficulty=level, reward=reward, **options)
    outcomes, terms = [], []
    for seed in seeds:
        _, info = env.reset(seed=seed)
        rng, total, over = np.random.default_rng(seed), 0.0, False
        while not over:
            _, reward, terminated, truncated, info = env.step(policy(env, rng))
            total, over = total + reward, terminated or truncated
        outcomes.append(info["outcome"])
        terms.append(total - info["outcome"])
    return float(np.mean(outcomes)), float(np.mean(terms))


def _scripted(env, rng):
    return env.solution()[len(env.past_steps)]


def _random(env, rng):
    actions = env.situation.actions
    return actions[int(rng.integers(len(actions)))]


def _whole_question(env, rng):
    return call_text("search", query=env.task.question, k=8)


def _every_name(env, rng):
    text = " ".join([env.task.question, *(step.observation for step in env.past_steps), env.situation.observation])
    names = sorted(set(re.findall(r"[A-Z]\w+ [A-Z]\w+", text)))
    return call_text("search", query=" ".join(names[i] for i in rng.permutation(len(names))[: MOST_WORDS // 2]), k=8)


def _reads(env, rng):
    return call_text("read", document=f"d{len(env.past_steps) + 1}")


def _reads_again(env, rng):
    return call_text("read", document="d1")


def _other_spellings(env, rng):
    words = env.task.question.split()
    return call_text("search", query=" ".join(words[i].upper() if rng.random() < 0.5 else f"{words[i]}?" for i in rng.permutation(len(words))))


@pytest.mark.parametrize("reward", ["dense", "progress"])
@pytest.mark.parametrize("level", [2, 4])
def test_what_hacks_earn(level, reward):
    solved, honest = _played(_scripted, level, range(12), reward)
    assert solved == 1.0
    assert honest > (0.08 if reward == "dense" else 0.4)
    for hack in (_whole_question, _every_name, _other_spellings, _reads, _reads_again):
        outcome, terms = _played(hack, level, range(12), reward, candidates=0)
        assert outcome == 0.0
        assert terms < honest / 2, hack


@pytest.mark.parametrize("level", LEVELS)
def test_a_random_agent_earns_next_to_nothing(level):
    assert _played(_random, level, range(100, 140), "outcome")[0] <= 0.1


def test_no_answer_of_a_form_is_common():
    for level in (4, 5):
        golds = {}
        for seed in range(100, 140):
            _, asked = question(seed, level)
            golds.setdefault(asked.form, []).append(asked.golds[0])
        for form, found in golds.items():
            assert max(map(found.count, found)) <= max(2, 0.2 * len(found)), (form, found)


# Files.

CORPUS = [
    {"id": "ada", "title": "Ada Lovelace", "sentences": ["Ada was a countess.", "Ada was born in London."]},
    {"title": "London", "text": "London is a city. It lies on the Thames! Is it old? Yes."},
    {"title": "Thames", "text": "x" * 9_000 + ". " + "A river. " * 900 + "It ends in the North Sea."},
]
QUESTION = {"question": "On which river lies the town where Ada Lovelace was born?", "answer": ["Thames", "River Thames"]}


def _files(tmp_path, question, corpus=CORPUS):
    (tmp_path / "corpus.jsonl").write_text("\n".join(json.dumps(row) for row in corpus))
    (tmp_path / "questions.jsonl").write_text(json.dumps(question))
    return {"corpus": tmp_path / "corpus.jsonl", "questions": tmp_path / "questions.jsonl"}


def test_a_corpus_of_ones_own(tmp_path):
    env = _make(**_files(tmp_path, {**QUESTION, "waypoints": [{"document": "ada", "sentence": 1}, {"document": "London", "sentence": 1}]}))
    observation, info = env.reset(seed=0)
    assert (observation, info["actions"], env.task_count) == (QUESTION["question"], (), 1)
    assert _search(env, "Ada born", k=1)[0] == "[ada] Ada Lovelace: Ada was born in London."
    assert _verdict(_search(env, "thames city", k=1)).label == "neutral"  # "London is a city."
    result = _search(env, "lies on the thames", k=1)
    assert result[0] == "[London] London: It lies on the Thames!"
    assert (_verdict(result).label, _verdict(result).evidence["progress"]) == ("correct", 1.0)
    assert env.step(call_text("answer", text="the River Thames"))[4]["outcome"] == 1.0


@pytest.mark.parametrize(
    "facts",
    [
        {"supporting_facts": [["Ada Lovelace", 1], ["London", 1]]},
        {"supporting_facts": {"title": ["Ada Lovelace", "London"], "sent_id": [1, 1]}},
        {"waypoints": ["ada", {"document": "London", "after": []}]},
        {"waypoints": ["Thames"]},
    ],
)
def test_layouts_of_waypoints_and_long_documents(tmp_path, facts):
    env = _make(**_files(tmp_path, {**QUESTION, **facts}))
    env.reset(seed=0)
    for action in env.solution():
        result = env.step(action)
        assert len(result[0]) < 7_500
    assert (result[4]["outcome"], _verdict(result).label) == (1.0, "correct")


def test_a_sentence_that_is_cut_was_not_seen_and_can_be_read(tmp_path):
    long = "The river is " + "very " * 400 + "old and called Thames."
    files = _files(tmp_path, {**QUESTION, "waypoints": [{"document": "d", "sentence": 0}]}, [{"id": "d", "title": "River", "sentences": [long]}])
    env = _make(**files)
    env.reset(seed=0)
    result = _search(env, "river old")
    assert ("... (cut)" in result[0], _verdict(result).label) == (True, "trivial")
    result = env.step(call_text("read", document="d"))
    assert ("called Thames." in result[0], _verdict(result).label) == (True, "correct")


def test_texts_without_spaces_are_split_and_found(tmp_path):
    corpus = [{"title": "London", "text": "伦敦是一座城市。市长是鲍勃。" + "词 " * 900}, {"title": "Paris", "text": "巴黎是一座城市。"}]
    env = _make(**_files(tmp_path, {"question": "谁是市长?", "answer": "鲍勃", "waypoints": [{"document": "London", "sentence": 1}]}, corpus))
    env.reset(seed=0)
    assert _search(env, "市长", k=1)[0] == "[London] London: 市长是鲍勃。"
    assert env.step(call_text("read", document="London"))[0].count("\n") == 4  # two sentences, and the rest in two parts
    assert env.step(call_text("answer", text="鲍勃"))[4]["outcome"] == 1.0


def test_an_environment_keeps_the_files_that_it_has_read(tmp_path):
    files = _files(tmp_path, QUESTION)
    env = _make(**files)
    env.reset(seed=0)
    for path in files.values():
        path.unlink()
    assert _search(env, "Ada born", k=1)[0].startswith("[ada]")
    env.reset(seed=1)


def test_supporting_facts_beyond_the_end_give_no_path(tmp_path):
    env = _make(**_files(tmp_path, {**QUESTION, "supporting_facts": [["Ada Lovelace", 1], ["London", 70]]}))
    env.reset(seed=0)
    assert env.task.sealed["hops"] == []


@pytest.mark.parametrize("answer", [True, "—", "…!", "x" * 1_001, [], None])
def test_answers_that_nobody_can_give_are_refused(tmp_path, answer):
    with pytest.raises(OptionError, match=r"line 1: .*answer"):
        _make(**_files(tmp_path, {"question": "x", "answer": answer}))


def test_ids_and_answers_that_are_numbers(tmp_path):
    env = _make(**_files(tmp_path, {"question": "x", "answer": 1.5, "waypoints": [{"document": 0}]}, [{"id": 0, "title": "A", "text": "It is 1.5."}]))
    env.reset(seed=0)
    assert env.solution() == [call_text("read", document="0"), call_text("answer", text="1.5")]


def test_ids_that_name_two_are_named(tmp_path):
    with pytest.raises(OptionError, match="'ada' names two"):
        _make(**_files(tmp_path, QUESTION, [CORPUS[0], CORPUS[0]]))


def test_without_waypoints_path_abstains_and_the_outcome_stands(tmp_path):
    env = _make(**_files(tmp_path, QUESTION))
    env.reset(seed=0)
    assert _verdict(_search(env, "Ada")).status == "abstain"
    assert _verdict(_search(env, "ada")).label == "trivial"
    result = env.step(env.solution()[-1])
    assert (result[4]["outcome"], _verdict(result).status) == (1.0, "abstain")


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ({"question": "x"}, "'answer' is a text"),
        ({"question": "", "answer": "y"}, "'question' is a text"),
        ({**QUESTION, "waypoints": ["Paris"]}, "names the document 'Paris'"),
        ({**QUESTION, "waypoints": [{"document": "ada", "sentence": 2}]}, "names the sentence 2"),
        ({**QUESTION, "waypoints": [{"document": "ada", "after": [0]}]}, "comes after earlier ones"),
        ({**QUESTION, "waypoints": 7}, "'waypoints' is a list"),
        ({**QUESTION, "supporting_facts": [["London"]]}, "pairs"),
        ({**QUESTION, "supporting_facts": "London"}, "pairs"),
        ({**QUESTION, "supporting_facts": {"title": ["London"]}}, "two lists"),
        ({**QUESTION, "supporting_facts": {"title": ["London"], "sent_id": [0, 1]}}, "two lists"),
        ({**QUESTION, "supporting_facts": {"title": 5, "sent_id": 7}}, "two lists"),
        ({**QUESTION, "supporting_facts": [["London", True]]}, "names the sentence True"),
        ({**QUESTION, "waypoints": ["ada", {"document": "ada", "after": [False]}]}, "comes after earlier ones"),
        ({"question": "x", "answer": "\u200b"}, "no agent can give"),
    ],
)
def test_bad_rows_are_named(tmp_path, question, says):
    with pytest.raises(OptionError, match=f"questions.jsonl, line 1: .*{re.escape(says)}"):
        _make(**_files(tmp_path, question))


@pytest.mark.parametrize(
    "row", [{"title": "x"}, {"title": "x", "sentences": []}, {"title": "x", "sentences": "y"}, {"text": "y"}, 7, {"id": True, "title": "x", "text": "y"}]
)
def test_bad_documents_are_named(tmp_path, row):
    with pytest.raises(OptionError, match=r"corpus\.jsonl, line 1: "):
        _make(**_files(tmp_path, QUESTION, [row]))


def test_a_row_that_is_nested_too_deeply_is_named(tmp_path):
    files = _files(tmp_path, QUESTION)
    files["corpus"].write_text("[" * 100_000)
    with pytest.raises(OptionError, match=r"corpus\.jsonl, line 1: "):
        _make(**files)


def test_options(tmp_path):
    files = _files(tmp_path, QUESTION)
    for options in ({"corpus": files["corpus"]}, {"questions": files["questions"]}, {"difficulty": 6}, {"candidates": 3}):
        with pytest.raises(OptionError):
            _make(**options)
    with pytest.raises(OptionError, match="cannot be read"):
        _make(corpus="nowhere.jsonl", questions=files["questions"])
