"""What the z3 verifier withstands: every adversarial proof that is known to be right throughout by FoVer's own step labels, and attacks of our own.

Where the attack can be written as an action it is run through the real environment, on tasks of every answer; where not, through a claim made by hand.
"""

from typing import NamedTuple

import pytest

from prm_gym.claims import Decision, Entailment, Statement
from prm_gym.envs.logic.deduction import DeductionEnv
from prm_gym.errors import OptionError
from prm_gym.logic.entailment import EntailmentChecker
from prm_gym.logic.formula import And, Exists, ForAll, Implies, Not, Or, Variable, atoms, instantiate, is_literal
from prm_gym.logic.notations.fld import parse, write
from prm_gym.logic.proof import opposite
from prm_gym.logic.semantics import Structure, holds
from prm_gym.logic.z3_solver import Z3Solver
from prm_gym.task import Task
from prm_gym.verifier import StepContext, make_verifier
from prm_gym.verifiers.z3 import Z3Verifier


class Blind(Z3Solver):
    """Without the means to decide anything that a small model does not show."""

    tables = False


def said(label, formula, *cited):
    return Statement(label, formula, cited)


def judge(claim, verifier=None):
    """The verdict on a claim made by hand."""
    step = StepContext(task=Task(key="", instructions="", question=""), observation="", action="", claims=(claim,))
    return (verifier or Z3Verifier()).verify([step])[0]


def judge_step(statement, *known, verifier=None):
    return judge(Entailment(statement=statement, known=known), verifier)


FACTS = (said("fact1", "{A} -> {B}"), said("fact2", "{A}"), said("fact3", "{B} -> {C}"), said("fact4", "{D}"))


class Board(NamedTuple):
    """A task of the real environment, as an attacker sees it, and what it may not know.

    `goal` is what must be derived for `verdict` to be accepted; in an UNKNOWN task the hypothesis, which cannot be.
    """

    seed: int
    difficulty: int
    answer: str
    facts: dict[str, str]
    hypothesis: str
    goal: str
    verdict: str
    literal: str  # label of a fact that is a literal

    def said(self, label):
        return self.facts[label]

    def env(self, **options):
        env = DeductionEnv(difficulty=self.difficulty, reward="dense", **options)
        env.reset(seed=self.seed)
        return env


class Episode(NamedTuple):
    labels: list[str | None]
    scores: list[float | None]
    total: float
    outcome: float | None


def run(board, actions, **options):
    env = board.env(**options)
    labels, scores, total, outcome = [], [], 0.0, None
    for action in actions:
        _, reward, terminated, truncated, info = env.step(action)
        verdict = info["verdicts"]["z3"]
        labels.append(verdict.label)
        scores.append(verdict.score)
        total += reward
        outcome = info["outcome"]
        if terminated or truncated:
            break
    return Episode(labels, scores, total, outcome)


def board(difficulty, answer, start=0, wanted=lambda facts: True):
    env = DeductionEnv(difficulty=difficulty, verifiers=[])
    for seed in range(start, start + 500):
        env.reset(seed=seed)
        if env.task.sealed["answer"] != answer:
            continue
        lines = [line.split(": ", 1) for line in env.task.question.splitlines()]
        hypothesis, facts = lines[0][1], dict(lines[1:])
        literals = [label for label, formula in facts.items() if is_literal(parse(formula))]
        if not literals or not wanted(facts):
            continue
        goal = opposite(hypothesis) if answer == "DISPROVED" else hypothesis
        return Board(seed, difficulty, answer, facts, hypothesis, goal, "DISPROVED" if answer == "DISPROVED" else "PROVED", literals[0])
    raise AssertionError(f"no {answer} task of difficulty {difficulty} within 500 seeds")


BOARDS = [board(difficulty, answer) for difficulty in (1, 3, 5) for answer in ("PROVED", "DISPROVED", "UNKNOWN")]


@pytest.fixture(params=BOARDS, ids=lambda board: f"{board.answer} at {board.difficulty}")
def target(request):
    return request.param


def honest_total(target):
    """The least that an honest agent earns: the listed proof and the right verdict."""
    episode = run(target, target.env().solution())
    assert episode.outcome == 1.0
    assert all(label == "correct" for label in episode.labels)
    return episode.total


def withstands(target, *attack):
    """Assert the label of each action of an attack, that none scores, that the verdict at its end fails, and that honesty pays more."""
    actions = [action for action, _ in attack]
    episode = run(target, [*actions, target.verdict])
    assert episode.labels == [*(label for _, label in attack), "incorrect"]
    assert all(score == 0.0 for score in episode.scores)
    assert episode.outcome == 0.0
    assert episode.total <= 0.0
    assert honest_total(target) > 1.0


# The proofs that FoVer labels right throughout.


def test_invented_premise(target):
    goal = target.goal
    withstands(target, (f"({goal} & {target.said('fact1')}) -> int1: {goal}", "malformed"), (f"{goal} -> int1: {goal}", "malformed"))


def test_invented_premise_in_a_claim():
    verdict = judge_step(said("int1", "{E}", "({E} & {D})"), *FACTS)
    assert (verdict.label, verdict.score) == ("incorrect", 0.0)


def test_petitio(target):
    withstands(target, (f"hypothesis -> int1: {target.goal}", "malformed"), (f"int1 -> int1: {target.goal}", "incorrect"))


def test_petitio_in_a_claim():
    for cited in ("hypothesis", "int1"):
        verdict = judge_step(said("int1", "{E}", cited), *FACTS)
        assert (verdict.label, verdict.score) == ("incorrect", 0.0)


def test_forward_and_circular_citation(target):
    goal = target.goal
    withstands(target, (f"int2 -> int1: {goal}", "incorrect"), (f"int1 -> int2: {goal}", "incorrect"), (f"fact1 & int9 -> int3: {goal}", "incorrect"))


def test_forward_and_circular_citation_in_a_claim():
    circle = (*FACTS, said("int1", "{E}", "int2"), said("int2", "{E}", "int1"))
    for statement in (said("int3", "{E} & {D}", "int1", "fact4"), said("int3", "{E} & {D}", "int2", "fact4")):
        verdict = judge_step(statement, *circle)
        assert (verdict.label, verdict.score) == ("incorrect", 0.0)
    verdict = judge(Decision(answer="PROVED", hypothesis="{E}", known=circle))
    assert (verdict.label, verdict.score) == ("incorrect", 0.0)


def test_own_contradiction_in_one_step(target):
    withstands(target, ("{A} & ¬{A} -> int1: " + target.goal, "malformed"))


def test_own_contradiction_against_a_fact(target):
    # From a fact and an unsound step that denies it anything follows; it earns nothing, and the goal got this way does not count.
    fact, goal = target.literal, target.goal
    withstands(target, (f"{fact} -> int1: {opposite(target.said(fact))}", "incorrect"), (f"{fact} & int1 -> int2: {goal}", "vacuous"))


def test_own_contradiction_of_two_inventions(target):
    fact, goal = target.literal, target.goal
    withstands(
        target,
        (f"{fact} -> int1: {{ZZZ}}", "incorrect"),
        (f"{fact} -> int2: ¬{{ZZZ}}", "incorrect"),
        (f"int1 & int2 -> int3: {goal}", "vacuous"),
        (f"int1 & int2 & {fact} -> int4: {goal}", "vacuous"),
    )


def test_redefinition(target):
    fact, goal = target.literal, target.goal
    withstands(
        target,
        (f"{fact} -> int1: {target.said(fact)}", "trivial"),
        (f"int1 -> int1: {goal}", "incorrect"),
        (f"{fact} -> int1: {goal}", "incorrect"),
        (f"{fact} -> fact1: {goal}", "malformed"),
    )


def test_redefinition_in_a_claim():
    known = (*FACTS, said("int1", "{B}", "fact1", "fact2"))
    for label in ("int1", "fact4"):
        verdict = judge_step(said(label, "{C}", "int1", "fact3"), *known)
        assert (verdict.label, verdict.score) == ("incorrect", 0.0)
    twice = (*known, said("int1", "{E}", "int1"), said("int2", "{E}", "int1"))
    assert judge(Decision(answer="PROVED", hypothesis="{E}", known=twice)).score == 0.0


def test_inconsistent_facts():
    known = (said("fact1", "{A}"), said("fact2", "(x): {F}x"), said("fact3", "¬{A}"))
    verdict = judge_step(said("int1", "{E}", "fact1", "fact3"), *known)
    assert (verdict.label, verdict.score) == ("vacuous", 0.0)
    for answer in ("PROVED", "DISPROVED", "UNKNOWN"):
        verdict = judge(Decision(answer=answer, hypothesis="{E}", known=(*known, said("int1", "{E}", "fact1", "fact3"))))
        assert (verdict.label, verdict.score) == ("vacuous", 0.0)


def test_padding(target):
    fact = target.literal
    text = target.said(fact)
    withstands(target, (f"{fact} -> int1: {text}", "trivial"), (f"int1 -> int2: {text}", "trivial"), (f"int2 -> int3: ({text} v {{ZZZ}})", "trivial"))


def test_tautology(target):
    withstands(target, (f"fact1 -> int1: {target.goal} -> {target.goal}", "trivial"), (f"int1 -> int2: {target.goal}", "incorrect"))


def test_weakening(target):
    # ... towards the goal: `{D} v goal` follows from {D}, speaks of the goal, and is worth nothing.
    fact, text, goal = target.literal, target.said(target.literal), target.goal
    weaker = [f"{fact} -> int1: {text} v {goal}", f"{fact} -> int2: ¬{goal} -> {text}"]
    withstands(target, (weaker[0], "trivial"), (weaker[1], "trivial"), (f"int1 -> int3: {goal}", "incorrect"))


@pytest.mark.parametrize("target", [board for board in BOARDS if board.answer != "UNKNOWN"], ids=lambda board: f"{board.answer} at {board.difficulty}")
def test_an_honest_proof_in_one_jump_is_accepted(target):
    leaves = dict.fromkeys(label for step in target.env().task.sealed["proof"] for label in step["cited"] if label.startswith("fact"))
    verdict = judge_step(said("int1", target.goal, *leaves), *(said(label, formula) for label, formula in target.facts.items()))
    assert (verdict.label, verdict.score) == ("correct", 1.0)
    assert set(verdict.evidence["needed"]) == set(leaves)


def test_an_honest_proof_is_accepted(target):
    assert honest_total(target) > 1.0


# Attacks of our own.


def test_a_right_verdict_without_a_derivation(target):
    withstands(target)


def test_a_right_verdict_on_an_unsound_derivation(target):
    fact, goal = target.literal, target.goal
    withstands(target, (f"{fact} -> int1: {goal}", "incorrect"))
    withstands(target, (f"{fact} -> int1: {goal}", "incorrect"), (f"int1 -> int2: {goal}", "incorrect"), (f"int2 & int1 -> int3: ¬¬{goal}", "incorrect"))


def test_an_unsound_step_under_a_chain_of_sound_ones(target):
    # Every step after the first is a right inference, and none of them counts: otherwise one lie would pay for all that follows.
    fact, goal = target.literal, target.goal
    chain = [(f"{fact} -> int1: {goal}", "incorrect"), (f"int1 & {fact} -> int2: {goal} & {target.said(fact)}", "incorrect")]
    withstands(target, *chain, (f"int2 -> int3: {goal} v {{ZZZ}}", "incorrect"), (f"int2 & {fact} -> int4: {goal}", "incorrect"))


def test_a_harmless_citation_of_an_unsound_step_spoils_a_step(target):
    env = target.env()
    proof = env.task.sealed["proof"]
    if not proof:
        return
    first = proof[0]
    lie = f"{target.literal} -> int9: {{ZZZ}}"
    episode = run(target, [lie, f"{' & '.join(first['cited'])} & int9 -> int1: {first['formula']}"])
    assert episode.labels == ["incorrect", "incorrect"]


def test_citing_one_label_twice(target):
    fact, goal = target.literal, target.goal
    withstands(target, (f"{fact} & {fact} & {fact} -> int1: {goal}", "incorrect"), (f"{fact} & {fact} -> int2: {target.said(fact)}", "trivial"))


def test_citing_everything_does_not_prove_what_does_not_follow(target):
    given = [said(label, formula) for label, formula in target.facts.items()]
    wrong = said("int1", opposite(target.goal) if target.answer != "UNKNOWN" else target.goal, *target.facts)
    assert (judge_step(wrong, *given).label, judge_step(wrong, *given).score) == ("incorrect", 0.0)
    # The facts entail the goal and int1 denies it, or int1 is the goal itself.
    verdict = judge_step(said("int2", target.goal, *target.facts, "int1"), *given, wrong)
    assert (verdict.label, verdict.score) == ("incorrect" if target.answer == "UNKNOWN" else "vacuous", 0.0)


def test_citing_everything_is_no_step(target):
    """One step from all the facts would prove whatever can be guessed; the environment takes at most MAX_CITED citations a step."""
    episode = run(target, [f"{' & '.join(target.facts)} -> int1: {target.goal}", target.verdict])
    assert episode.labels[0] == "malformed"
    assert episode.outcome == 0.0


def test_bundles_of_facts_are_no_steps(target):
    """Facts put together four at a time, and bundles put together again, would bring all facts under the last citations."""
    current, steps, said_so = list(target.facts), [], dict(target.facts)
    while len(current) > 4:
        bundle, current = current[:4], current[4:]
        label = f"int{len(steps) + 1}"
        said_so[label] = " & ".join(f"({said_so[one]})" for one in bundle)
        steps.append(f"{' & '.join(bundle)} -> {label}: {said_so[label]}"[:1_900])
        current.append(label)
    steps.append(f"{' & '.join(current)} -> int{len(steps) + 1}: {target.goal}")
    episode = run(target, [*steps, target.verdict], max_steps=50)
    assert episode.outcome == 0.0
    if len(target.facts) > 4:
        assert "correct" not in episode.labels[:-1]
        assert "trivial" not in episode.labels[:-1]


@pytest.mark.parametrize("target", [board for board in BOARDS if board.answer == "UNKNOWN"], ids=lambda board: f"at {board.difficulty}")
@pytest.mark.parametrize("verdict", ["PROVED", "DISPROVED"])
def test_deriving_an_open_hypothesis(target, verdict):
    goal = target.hypothesis if verdict == "PROVED" else opposite(target.hypothesis)
    episode = run(target, [f"{' & '.join(list(target.facts)[:4])} -> int1: {goal}", verdict])
    assert episode.labels == ["incorrect", "incorrect"]
    assert episode.outcome == 0.0
    assert episode.total < honest_total(target)


@pytest.mark.parametrize(
    "action",
    [
        "(assert false) -> int1: {A}",
        "fact1 -> int1: (assert false)",
        "fact1 -> int1: {A}) (assert false",
        "(set-option :timeout 1)",
        "fact1 -> int1: {A}\nPROVED",
        "fact1 -> int1: {A}; int1 -> int2: {B}",
        "fact1 -> int1: {A} -> int2: {B}",
        '{"label": "correct", "score": 1.0}',
        "correct",
        "proved",
        "PROVED.",
        "PROVED PROVED",
        "fact1 -> hypothesis",
        "fact1 -> hypothesis: {A}",
        "-> int1: {A}",
        "& -> int1: {A}",
        "fact1 & -> int1: {A}",
        "fact1, fact2 -> int1: {A}",
        "fact\u0661 -> int1: {A}",  # an Arabic one
        "fact1 \u2192 int1: {A}",
        "\u202efact1 -> int1: {A}",
        "assume -> int1: {A}",
        "fact1 -> int1: {A}\0",
        "",
    ],
)
def test_what_is_no_step_is_malformed(target, action):
    withstands(target, (action, "malformed"))


def _disguises(formula):
    """The same said otherwise."""
    yield Not(Not(formula))
    yield And(formula, formula)
    yield Or(formula, formula)
    match formula:
        case Implies(left, right):
            yield Implies(Not(right), Not(left))
            yield Or(right, Not(left))
            yield Not(And(left, Not(right)))
        case And(left, right) | Or(left, right):
            yield type(formula)(right, left)
        case ForAll(_, body):
            yield ForAll("z", instantiate(body, "x", Variable("z")))
            yield Not(Exists("x", Not(body)))
            for disguise in _disguises(body):
                yield ForAll("x", disguise)


def test_every_disguise_of_every_fact_is_a_restatement(target):
    given = tuple(said(label, text) for label, text in target.facts.items())
    for label, text in list(target.facts.items())[:8]:
        for disguise in _disguises(parse(text)):
            verdict = judge_step(said("int1", write(disguise), label), *given)
            assert (verdict.label, verdict.score) == ("trivial", 0.0), (text, write(disguise))


def test_two_facts_put_together_are_a_restatement(target):
    labels = list(target.facts)[:2]
    if len(labels) < 2:
        return
    both = " & ".join(f"({target.said(label)})" for label in labels)
    given = tuple(said(label, text) for label, text in target.facts.items())
    assert judge_step(said("int1", both, *labels), *given).label == "trivial"
    assert judge_step(said("int1", f"¬¬({both})", *labels[::-1]), *given).label == "trivial"


@pytest.mark.parametrize("target", [board for board in BOARDS if board.answer != "UNKNOWN"], ids=lambda board: f"{board.answer} at {board.difficulty}")
def test_a_right_step_pays_once(target):
    first = target.env().task.sealed["proof"][0]
    cited, formula = " & ".join(first["cited"]), first["formula"]
    others = [f"{cited} -> int2: {formula}", f"int1 -> int3: {formula}", f"{cited} & int1 -> int4: ¬¬{formula}", f"int2 & int3 -> int5: {formula} & {formula}"]
    episode = run(target, [f"{cited} -> int1: {formula}", *others], max_steps=20)
    assert episode.labels == ["correct", "trivial", "trivial", "trivial", "trivial"]


# Padding that says nothing new, and how much of it is seen.

_IMPLICATIONS = (said("fact1", "(x): {A}x -> {B}x"), said("fact2", "(x): {B}x -> {C}x"), said("int1", "(x): {A}x -> {C}x", "fact1", "fact2"))
_PONENS = (
    *(said("fact1", "{A} -> {B}"), said("fact2", "{A}"), said("fact3", "{A} -> {C}")),
    *(said("int1", "{B}", "fact1", "fact2"), said("int2", "{C}", "fact2", "fact3")),
)
_UNARY = (said("fact1", "(x): {A}x -> {B}x"), said("fact2", "{A}{a}"), said("fact3", "{A}{b}"))


@pytest.mark.parametrize(
    ("statement", "known"),
    [
        pytest.param(said("int2", "(y): {A}y -> {C}y", "fact1", "fact2"), _IMPLICATIONS, id="repetition with the bound variable renamed"),
        pytest.param(said("int1", "{A}{a} v {A}", "fact2"), _UNARY, id="weakening by a proposition named like the predicate"),
        pytest.param(said("int1", "{A}{a} v {A}{b}", "fact2"), _UNARY, id="weakening by another individual"),
    ],
)
def test_padding_in_disguise(statement, known):
    verdict = judge_step(statement, *known)
    assert (verdict.label, verdict.score) == ("trivial", 0.0)


@pytest.mark.parametrize(
    ("statement", "known"),
    [
        pytest.param(said("int3", "{B} & ({B} v {A})", "fact1", "fact2"), _PONENS, id="repetition blown up by absorption"),
        pytest.param(said("int3", "({B} v {A}) & ({B} v ¬{A})", "fact1", "fact2"), _PONENS, id="repetition blown up by distribution"),
        pytest.param(said("int3", "{B} & {C}", "fact1", "fact2", "fact3"), _PONENS, id="two results put together out of what they rest on"),
        pytest.param(said("int1", "(Ex): {A}x", "fact2"), _UNARY, id="weakening to existence"),
        pytest.param(said("int1", "{A}{zzz} -> {B}{zzz}", "fact1"), _UNARY, id="instance about somebody nobody spoke of"),
    ],
)
def test_padding_in_disguise_is_trivial(statement, known):
    verdict = judge_step(statement, *known)
    assert (verdict.label, verdict.score) == ("trivial", 0.0)


@pytest.mark.parametrize("target", [board for board in BOARDS if board.answer == "PROVED"], ids=lambda board: f"at {board.difficulty}")
def test_the_goal_blown_up_again_and_again_pays_once(target):
    # goal & (goal v a) says what the goal says, for every a that the leaves of the proof speak of.
    env = target.env()
    leaves = list(dict.fromkeys(label for step in env.task.sealed["proof"] for label in step["cited"] if label.startswith("fact")))
    spoken = {
        write(atom) for label in leaves for atom in atoms(parse(target.said(label))) if not any(isinstance(argument, Variable) for argument in atom.arguments)
    }
    fillers = [target.goal, *(f"{target.goal} & ({target.goal} v {atom})" for atom in sorted(spoken) if atom not in target.goal)]
    known = [*(said(label, formula) for label, formula in target.facts.items())]
    labels = []
    for number, formula in enumerate(fillers, start=1):
        statement = said(f"int{number}", formula, *leaves)
        labels.append(judge_step(statement, *known).label)
        known.append(statement)
    assert labels == ["correct", *["trivial"] * (len(fillers) - 1)]
    assert len(labels) > 1


def _irrelevant_steps(env):
    """Take listed steps that are correct and do not say what the proof says, as long as there are any; gives back what they earned."""
    wanted = {step["formula"] for step in env.task.sealed["proof"]}
    earned = 0.0
    while len(env.past_steps) < env.max_steps - 1 - len(wanted):
        before = env.snapshot()
        for action in env.situation.actions:
            if "->" not in action or action.split(": ", 1)[1] in wanted:
                continue
            _, reward, _, _, info = env.step(action)
            if info["verdicts"]["z3"].label == "correct":
                earned += reward
                break
            env.restore(before)
        else:
            break
    return earned


@pytest.mark.parametrize("difficulty", [1, 3, 5])
def test_residual_sound_but_irrelevant_steps_count_and_stay_below_an_honest_solution(difficulty):
    """What a local check cannot see: a right inference that leads nowhere. Only the finished proof shows that it was not needed.

    It pays at most step_weight = 0.45 an episode, so that a failure padded with it stays below any success; a success padded with it is worth more than one
    without (at most 0.45 more), which is why signals from the finished proof (its backward slice) belong to `prm_gym.credit`.
    """
    paid = 0.0
    for start in range(0, 240, 40):
        target = board(difficulty, "PROVED", start)
        env = target.env()
        honest = honest_total(target)
        earned = _irrelevant_steps(env)
        failed = earned + env.step("UNKNOWN")[1]
        assert failed <= 0.45
        assert failed < 1.0 < honest <= 1.45 + 1e-9
        paid = max(paid, earned)
        env = target.env()
        earned = _irrelevant_steps(env)
        proof, number, rename = env.task.sealed["proof"], len(env.past_steps), {}
        for step in proof:  # the proof after the padding, under labels that are free
            number += 1
            rename[step["label"]] = f"int{number}"
            earned += env.step(f"{' & '.join(rename.get(label, label) for label in step['cited'])} -> int{number}: {step['formula']}")[1]
        _, reward, _, _, info = env.step("PROVED")
        assert info["outcome"] == 1.0
        assert honest - 1e-9 <= earned + reward <= 1.45 + 1e-9
    assert difficulty == 1 or paid > 0.0, "the residual is gone: say so here"


# Verdicts by hand: labels, evidence, modes, undecided.


@pytest.mark.parametrize(
    ("answer", "extra", "label", "score"),
    [
        ("PROVED", (), "incorrect", 0.0),
        ("PROVED", (said("int1", "{C}", "fact2"),), "incorrect", 0.0),
        ("PROVED", (said("int1", "{B}", "fact1", "fact2"),), "incorrect", 0.0),
        ("PROVED", (said("int1", "¬{C}", "fact2"),), "incorrect", 0.0),
        ("PROVED", (said("int1", "{C}", "fact1", "fact2", "fact3"),), "correct", 1.0),
        ("PROVED", (said("int1", "{B}", "fact1", "fact2"), said("int2", "¬¬{C}", "int1", "fact3")), "correct", 1.0),
        ("PROVED", (said("int1", "{B}", "fact4"), said("int2", "{C}", "int1", "fact3")), "incorrect", 0.0),
        ("DISPROVED", (said("int1", "{C}", "fact1", "fact2", "fact3"),), "incorrect", 0.0),
        ("UNKNOWN", (), "incorrect", 0.0),
    ],
)
def test_decisions(answer, extra, label, score):
    verdict = judge(Decision(answer=answer, hypothesis="{C}", known=FACTS + extra))
    assert (verdict.status, verdict.label, verdict.score) == ("ok", label, score)
    assert verdict.reason


def test_more_decisions():
    assert judge(Decision(answer="UNKNOWN", hypothesis="{Z}", known=FACTS)).score == 1.0
    derived = said("int1", "{C}", "fact1", "fact2", "fact3")
    assert judge(Decision(answer="DISPROVED", hypothesis="¬{C}", known=(*FACTS, derived))).score == 1.0
    # A step is not given: what was derived unsoundly does not change the status of the hypothesis.
    lie = said("int1", "{Z}", "fact2")
    assert judge(Decision(answer="PROVED", hypothesis="{Z}", known=(*FACTS, lie))).score == 0.0
    assert judge(Decision(answer="UNKNOWN", hypothesis="{Z}", known=(*FACTS, lie))).score == 1.0
    assert judge(Decision(answer="PROVED", hypothesis="nonsense", known=FACTS)).label == "malformed"
    assert judge(Decision(answer="PROVED", hypothesis="{A}", known=(said("fact1", "{A"),))).label == "malformed"


def test_a_refuted_step_carries_a_counterexample_that_checks(target):
    # The goal and its negation are not both entailed by one literal; each step that is refuted must show how.
    env = target.env(max_steps=40)
    refuted = 0
    for number, label in enumerate(list(target.facts)[:12], start=1):
        for sign, formula in enumerate((target.goal, opposite(target.goal))):
            cited = [label, target.literal]
            info = env.step(f"{' & '.join(cited)} -> int{2 * number + sign}: {formula}")[4]
            verdict = info["verdicts"]["z3"]
            if verdict.label != "incorrect":
                continue
            refuted += 1
            shown = verdict.evidence["counterexample"]
            true = frozenset(map(tuple, shown["true"]))
            structure = Structure(tuple(shown["domain"]), tuple(shown["constants"].items()), true)
            assert all(holds(parse(target.said(fact)), structure) for fact in cited)
            assert not holds(parse(formula), structure)
            assert "true:" in verdict.reason
    assert refuted >= 4


def test_a_sound_step_names_what_it_needed():
    verdict = judge_step(said("int1", "{B}", "fact4", "fact1", "fact3", "fact2"), *FACTS)
    assert verdict.evidence == {"needed": ["fact1", "fact2"]}
    assert verdict.score == 1.0


WRONG_INT = (said("int1", "{B}", "fact4"), said("int2", "{C}", "fact3", "int1"), said("int3", "{E}", "fact5", "int2"))


@pytest.mark.parametrize(("mode", "labels"), [("local", ["incorrect", "correct", "correct"]), ("propagate", ["incorrect"] * 3)])
def test_a_wrong_int_is_local_for_fover_and_propagates_for_us(mode, labels):
    # The example of FoVer's README has the labels [false, true, true]: the steps that use the wrong int are right inferences.
    facts = (*FACTS, said("fact5", "{C} -> {E}"))
    verifier = make_verifier(f"z3:{mode}")
    found = [judge_step(statement, *facts, *WRONG_INT[:number], verifier=verifier).label for number, statement in enumerate(WRONG_INT)]
    assert found == labels
    # A decision needs a derivation that stands in either mode.
    assert judge(Decision(answer="PROVED", hypothesis="{E}", known=facts + WRONG_INT), verifier).score == 0.0


def test_a_mode_that_does_not_exist():
    with pytest.raises(OptionError, match="propagate"):
        Z3Verifier("global")


def test_what_the_solver_cannot_tell_has_no_score():
    blind = Z3Verifier(checker=EntailmentChecker(resource_limit=1, solver=Blind))
    known = (*FACTS, said("int1", "{B}", "fact1", "fact2"))
    for claim in (
        Entailment(statement=said("int2", "{C}", "int1", "fact3"), known=known),
        Decision(answer="PROVED", hypothesis="{C}", known=known),
        Decision(answer="DISPROVED", hypothesis="{C}", known=known),
    ):
        verdict = judge(claim, blind)
        assert (verdict.status, verdict.label, verdict.score) == ("abstain", None, None)
        assert "cannot tell" in verdict.reason
    # What needs no solver is judged nevertheless: a small counterexample is found without one.
    assert judge_step(said("int2", "{Z}", "fact1"), *known, verifier=blind).label == "incorrect"
    assert judge(Decision(answer="UNKNOWN", hypothesis="{Z}", known=known), blind).label == "correct"
    assert judge_step(said("int2", "{C}", "int7"), *known, verifier=blind).label == "incorrect"
    assert judge_step(said("int2", "{C"), *known, verifier=blind).score == 0.0


def test_an_undecided_step_neither_pays_nor_costs(target):
    blind = Z3Verifier(checker=EntailmentChecker(resource_limit=1, solver=Blind))
    said = target.said(target.literal)  # a restatement follows, which no counterexample shows: the solver must say so
    episode = run(target, [f"{target.literal} -> int1: {said}", f"{target.literal} -> int2: {said}"], verifiers=[blind])
    assert episode.labels == [None, None]
    assert episode.scores == [None, None]
    assert episode.total == 0.0


def test_the_other_claims_are_left_alone():
    step = StepContext(task=Task(key="", instructions="", question=""), observation="", action="fact1 -> int1: {A}")
    assert Z3Verifier().verify([step, step])[0].status == "abstain"
    assert Z3Verifier().verify([]) == []


def test_reasons_are_for_a_person():
    verdict = judge_step(said("int1", "{C}", "fact1", "fact2"), *FACTS)
    assert verdict.reason == "does not follow from the cited premises: true: {A}, {B}; false: {C}"
    named = judge_step(said("int1", "{B}{a}", "fact1"), said("fact1", "{A}{a} & (x): {A}x"))
    assert named.reason == "does not follow from the cited premises: true: {A}{a}; false: {B}{a}"
