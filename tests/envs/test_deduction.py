import re
import time
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import z3

from prm_gym.envs.logic.deduction import MAX_STATEMENTS, DeductionEnv
from prm_gym.envs.logic.theory import LEVELS, generate
from prm_gym.errors import ContractError, OptionError
from prm_gym.logic.proof import opposite

TASKS = 60  # per difficulty, for what is checked on every task


def make(difficulty, seed, **options):
    env = DeductionEnv(difficulty=difficulty, **options)
    env.reset(seed=seed)
    return env


def task_of(env):
    """Hypothesis, facts by label, sealed answer and proof."""
    lines = [line.split(": ", 1) for line in env.task.question.splitlines()]
    assert lines[0][0] == "hypothesis"
    return lines[0][1], dict(lines[1:]), env.task.sealed["answer"], env.task.sealed["proof"]


def move_of(action):
    """A step as the set of what it cites and what it concludes."""
    cited, conclusion = re.fullmatch(r"(.*?) -> int\d+: (.*)", action).groups()
    return frozenset(cited.split(" & ")), conclusion


def relabelled(action, number):
    return re.sub(r"-> int\d+:", f"-> int{number}:", action)


def steps_of(actions):
    return [action for action in actions if "->" in action]


# The tasks, checked by the reading above.


@pytest.mark.parametrize("difficulty", LEVELS)
def test_labels_facts_and_proofs_hold_for_an_independent_reading(difficulty, new_reading):
    config = LEVELS[difficulty]
    for seed in range(TASKS):
        env = make(difficulty, seed, verifiers=[])
        hypothesis, facts, answer, proof = task_of(env)
        reading = new_reading()
        formulas = {label: reading.read(text) for label, text in facts.items()}
        given, goal = list(formulas.values()), reading.read(hypothesis)
        assert reading.satisfiable(given)
        proved, disproved = reading.entails(given, goal), reading.entails(given, z3.Not(goal))
        assert answer == ("PROVED" if proved else "DISPROVED" if disproved else "UNKNOWN")
        assert not (proved and disproved)
        assert len(set(facts.values())) == len(facts)
        assert list(facts) == [f"fact{n}" for n in range(1, len(facts) + 1)]
        assert ("(x)" in env.task.question) <= config.quantifiers
        height = dict.fromkeys(formulas, 0)
        for step in proof:
            cited = [formulas[label] for label in step["cited"]]
            formulas[step["label"]] = reading.read(step["formula"])
            assert reading.entails(cited, formulas[step["label"]])
            assert reading.satisfiable(cited)
            for gone in range(len(cited)):  # every citation is needed
                assert not reading.entails(cited[:gone] + cited[gone + 1 :], formulas[step["label"]])
            height[step["label"]] = 1 + max(height[label] for label in step["cited"])
        if answer == "UNKNOWN":
            assert proof == []
        else:
            assert proof[-1]["formula"] == (hypothesis if answer == "PROVED" else opposite(hypothesis))
            assert height[proof[-1]["label"]] == env.task.metadata["depth"]
            assert config.min_depth <= env.task.metadata["depth"] <= config.max_depth


@pytest.mark.parametrize("difficulty", LEVELS)
def test_the_solution_earns_the_outcome_and_every_step_is_correct(difficulty):
    for seed in range(TASKS):
        env = make(difficulty, seed)
        for action in env.solution():
            _, reward, terminated, truncated, info = env.step(action)
            assert info["verdicts"]["z3"].label == "correct"
        assert (reward, terminated, truncated, info["outcome"]) == (1.0, True, False, 1.0)


@pytest.mark.slow
def test_every_proof_fits_into_the_episode():
    config = LEVELS[5]
    rng = np.random.default_rng(3)
    proofs = [generate(int(rng.integers(2**63)), config).proof for _ in range(600)]
    assert max(len(proof) for proof in proofs) + 1 <= DeductionEnv(difficulty=5).max_steps


def test_answers_come_in_the_shares_that_are_documented():
    # 2,000 draws; four standard deviations are 4 sqrt(0.4 * 0.6 / 2000) = 0.044 and 4 sqrt(0.2 * 0.8 / 2000) = 0.036.
    rng = np.random.default_rng(11)
    answers = Counter(generate(int(rng.integers(2**63)), LEVELS[1]).answer for _ in range(2_000))
    assert abs(answers["PROVED"] / 2_000 - 0.4) < 0.044
    assert abs(answers["DISPROVED"] / 2_000 - 0.4) < 0.044
    assert abs(answers["UNKNOWN"] / 2_000 - 0.2) < 0.036


# Candidates.


@pytest.mark.parametrize("difficulty", LEVELS)
def test_the_lists_lead_along_the_proof(difficulty):
    """Whoever takes a listed step that says a formula of the proof, as long as there is one, arrives."""
    for seed in range(TASKS):
        env = make(difficulty, seed)
        *_, answer, proof = task_of(env)
        missing = {step["formula"] for step in proof}
        while proof and proof[-1]["formula"] in missing:
            before = env.snapshot()
            for action in [action for action in steps_of(env.situation.actions) if move_of(action)[1] in missing]:
                if env.step(action)[4]["verdicts"]["z3"].label == "correct":
                    missing.remove(move_of(action)[1])
                    break
                env.restore(before)
            else:
                raise AssertionError(f"nothing on the list leads on: {env.situation.observation}\n{env.situation.actions}")
        assert env.step(answer)[4]["outcome"] == 1.0
        assert env.situation.actions == ()


@pytest.mark.parametrize("difficulty", [1, 2, 3, 4])
def test_the_proof_is_listed_word_for_word(difficulty):
    # At difficulty 5 more steps can be open than are listed.
    for seed in range(TASKS):
        env = make(difficulty, seed, verifiers=[])
        for action in env.solution():
            assert action in env.situation.actions
            env.step(action)


@pytest.mark.parametrize("difficulty", LEVELS)
def test_lists_hold_no_move_twice_and_all_verdicts(difficulty):
    for seed in range(TASKS):
        env = make(difficulty, seed, verifiers=[])
        for action in env.solution()[: env.max_steps]:
            listed = env.situation.actions
            assert len(set(listed)) == len(listed) <= env.candidates
            assert {"PROVED", "DISPROVED", "UNKNOWN"} <= set(listed)
            moves = [move_of(step) for step in steps_of(listed)]
            assert len(set(moves)) == len(moves)
            env.step(action)


@pytest.mark.parametrize("difficulty", LEVELS)
def test_every_candidate_can_be_taken(difficulty):
    rng = np.random.default_rng(difficulty)
    for seed in range(12):
        env = make(difficulty, seed, verifiers=[], max_steps=8)
        for _ in range(6):
            for action in steps_of(env.situation.actions):
                before = env.snapshot()
                env.step(action)
                assert env.situation.observation.count("\n") == env.past_steps[-1].observation.count("\n") + 1
                env.restore(before)
            choices = steps_of(env.situation.actions)
            if not choices:
                break
            env.step(choices[rng.integers(len(choices))])


def test_every_candidate_can_be_taken_after_labels_out_of_order():
    env = make(3, 0, verifiers=[])
    first = relabelled(steps_of(env.situation.actions)[0], 2)
    env.step(first)
    lines = env.situation.observation.count("\n")
    env.step(steps_of(env.situation.actions)[0])
    assert env.situation.observation.count("\n") == lines + 1


@pytest.mark.parametrize("candidates", [4, 5, 6, 30])
def test_the_number_of_candidates_is_bounded_and_some_step_is_among_them(candidates):
    for seed in range(20):
        listed = make(3, seed, verifiers=[], candidates=candidates).situation.actions
        assert 4 <= len(listed) <= candidates


def test_an_environment_that_lists_nothing_takes_the_same_steps():
    listing, silent = make(3, 1), make(3, 1, candidates=0)
    while "->" in "".join(listing.situation.actions):
        action = steps_of(listing.situation.actions)[0]
        (seen, *result, info), (seen_too, *result_too, info_too) = listing.step(action), silent.step(action)
        assert (seen, result, info["state_key"]) == (seen_too, result_too, info_too["state_key"])
        assert info_too["actions"] == ()
        if result[1] or result[2]:
            break


def _without_labels(env):
    """The candidates with formulas in the place of labels."""
    lines = [line.split(": ", 1) for line in env.situation.observation.splitlines()[1:]]
    formulas = {label: text.split("   (")[0] for label, text in lines}
    return {(frozenset(formulas[label] for label in move_of(action)[0]), move_of(action)[1]) if "->" in action else action for action in env.situation.actions}


def _both_orders(difficulty, seed):
    """Two environments of one task in which two listed steps were taken in either order; None when there are no two."""
    listed = steps_of(make(difficulty, seed, verifiers=[]).situation.actions)
    pairs = [(one, other) for one, other in pairwise(listed) if move_of(one)[1] != move_of(other)[1]]
    if not pairs:
        return None
    envs = [make(difficulty, seed) for _ in range(2)]
    for env, order in zip(envs, (pairs[0], pairs[0][::-1]), strict=True):
        for number, action in enumerate(order, start=1):
            env.step(relabelled(action, number))
    return envs


@pytest.mark.parametrize("difficulty", LEVELS)
def test_the_order_of_steps_does_not_change_the_state_key(difficulty):
    compared = 0
    for seed in range(30):
        envs = _both_orders(difficulty, seed)
        if envs is not None:
            assert envs[0].situation.state_key == envs[1].situation.state_key
            assert envs[0].situation.state_key != make(difficulty, seed).situation.state_key
            compared += 1
    assert compared >= 20


@pytest.mark.parametrize("difficulty", LEVELS)
def test_the_order_of_steps_does_not_change_the_candidates(difficulty):
    for seed in range(30):
        envs = _both_orders(difficulty, seed)
        if envs is not None:
            assert _without_labels(envs[0]) == _without_labels(envs[1])


@pytest.mark.parametrize("difficulty", LEVELS)
def test_what_was_claimed_unsoundly_can_still_be_derived_from_the_list(difficulty):
    tried = 0
    for seed in range(TASKS):
        env = make(difficulty, seed)
        _, facts, _, proof = task_of(env)
        if not proof:
            continue
        # Claim the last formula of the proof from a fact that is not enough, then follow the proof under other labels.
        fact = next(iter(facts))
        claimed = env.step(f"{fact} -> int99: {proof[-1]['formula']}")[4]
        if claimed["verdicts"]["z3"].label != "incorrect":
            continue
        tried += 1
        for step in proof[:-1]:
            env.step(f"{' & '.join(step['cited'])} -> {step['label']}: {step['formula']}")
        last = proof[-1]
        assert (frozenset(last["cited"]), last["formula"]) in {move_of(action) for action in steps_of(env.situation.actions)}
    assert tried >= 20


# States.


@pytest.mark.parametrize("difficulty", [1, 3, 5])
def test_states_are_told_apart_by_their_keys_and_by_nothing_else(difficulty):
    """State: the task, and the set of (formula written down, whether it stands), the latter read off the verdicts."""
    rng = np.random.default_rng(difficulty)
    key_of, state_of = {}, {}
    walks = 0
    for seed in range(25):
        for _ in range(6):
            env = make(difficulty, seed, max_steps=6)
            written = frozenset()
            walks += 1
            for _ in range(5):
                state, key = (env.task.key, written), env.situation.state_key
                assert key_of.setdefault(state, key) == key
                assert state_of.setdefault(key, state) == state
                choices = steps_of(env.situation.actions)
                if not choices:
                    break
                action = choices[rng.integers(len(choices))]
                info = env.step(action)[4]
                stands = info["verdicts"]["z3"].label in ("correct", "trivial")
                # A formula that was written down twice is there once sound and once not, or once.
                written |= {(move_of(action)[1], stands)}
    assert len(key_of) > 2 * walks


def test_a_task_has_one_key_and_two_tasks_have_two():
    keys = {}
    for difficulty in LEVELS:
        for seed in range(40):
            env = make(difficulty, seed, verifiers=[])
            keys.setdefault(env.task.key, env.task.question)
            assert keys[env.task.key] == env.task.question
    assert len(keys) == 5 * 40


# Texts.


def test_free_text_is_read():
    for seed in range(20):
        env, plain = make(3, seed), make(3, seed)
        _, _, answer, proof = task_of(env)
        if not proof:
            continue
        rename = {}
        for number, step in enumerate(proof):
            rename[step["label"]] = f"int{7 + 3 * number}"
            cited = " &\t".join(rename.get(label, label) for label in reversed(step["cited"]))
            text = f"  {cited}->{rename[step['label']]} :\n ({step['formula'].replace('¬', '~ ')} )  "
            info = env.step(text)[4]
            assert info["verdicts"]["z3"].label == "correct"
            plain.step(f"{' & '.join(step['cited'])} -> {step['label']}: {step['formula']}")
            assert info["state_key"] == plain.situation.state_key
        assert env.step(f" {answer}\n")[4]["outcome"] == 1.0


def test_a_formula_is_kept_in_one_spelling():
    env = make(1, 0)
    first = next(iter(task_of(env)[1]))
    env.step(f"{first} -> int3: ~( {{A}}&({{B}} ))")
    assert env.situation.observation.splitlines()[-1] == f"int3: ¬({{A}} & {{B}})   ({first})"


MALFORMED = [
    "",
    "   ",
    "PROVEN",
    "proved",
    "Proved",
    "PROVED.",
    "The answer is PROVED",
    "UNKNOWN UNKNOWN",
    "fact1",
    "fact1 -> {A}",
    "fact1 -> int1",
    "fact1 -> int1:",
    "fact1 -> int1: ",
    "fact1 -> int1: {A",
    "fact1 -> int1: {A}x",
    "fact1 -> int1: (x): (x): {A}x",
    "fact1 -> int1: {A} {B}",
    "fact1 -> fact9: {A}",
    "fact1 -> hypothesis: {A}",
    "hypothesis -> int1: {A}",
    "{A} -> int1: {A}",
    "fact1 & ({A} v {B}) -> int1: {A}",
    "fact1 && fact2 -> int1: {A}",
    "fact1, fact2 -> int1: {A}",
    "fact -> int1: {A}",
    "fact1 -> int: {A}",
    "fact00001 -> int1: {A}",
    "fact1 -> int12345: {A}",
    "fact-1 -> int1: {A}",
    "fact1 => int1: {A}",
    "fact1 -> int1: {A} # comment",
    "fact1 -> int1: {A}\nfact1 -> int2: {A}",
    "fact1 -> int1: {A}; PROVED",
    "fact\u0661 -> int1: {A}",
    "fact1 -> int1: \uff5bA\uff5d",
    "fact1 -> int1: {A}\x00",
    "\ufefffact1 -> int1: {A}",
    "fact1 -> int1: (assert false)",
    "fact1 -> int1: " + "(" * 10_000,
    "fact1 -> int1: " + "¬" * 10_000 + "{A}",
    "fact1 -> int1: " + "{A} & " * 2_500 + "{A}",
    "fact1" + " & fact1" * 1_500,
    "fact1" + " " * 16_000 + "x",
    "fact1 -> int1: " + "x" * 20_000,
    "\ud800",
    "a" * 100_000,
]


@pytest.mark.parametrize("text", MALFORMED, ids=range(len(MALFORMED)))
def test_what_is_no_step_changes_nothing(text):
    env = make(3, 0, reward="dense")
    before = env.situation
    started = time.process_time()
    observation, reward, terminated, truncated, info = env.step(text)
    assert time.process_time() - started < 0.5
    assert (observation, terminated, truncated, info["outcome"], info["valid"]) == (before.observation, False, False, None, True)
    assert env.situation == before
    verdict = info["verdicts"]["z3"]
    assert (verdict.label, verdict.score) == ("malformed", 0.0)
    assert reward < 0


@pytest.mark.parametrize("text", ["int1 -> int1: {A}", "int2 -> int1: {A}", "fact1 & fact99 -> int1: {A}", "fact1 & int7 -> int1: {A}", "fact0 -> int1: {A}"])
def test_a_step_on_what_is_not_there_changes_nothing(text):
    env = make(3, 0)
    before = env.situation
    verdict = env.step(text)[4]["verdicts"]["z3"]
    assert env.situation == before
    assert (verdict.label, verdict.score) == ("incorrect", 0.0)
    assert "has not been established" in verdict.reason


def test_a_label_is_taken_once():
    env = make(3, 0)
    env.step("fact1 -> int1: {A}")
    before = env.situation
    verdict = env.step("fact1 -> int1: {B}")[4]["verdicts"]["z3"]
    assert env.situation == before
    assert (verdict.label, verdict.score) == ("incorrect", 0.0)
    assert "int1 is already taken: {A}" in verdict.reason


@pytest.mark.parametrize(
    "formula",
    [
        pytest.param(" & ".join(["{A}"] * 20), id="within bounds"),
        pytest.param(" & ".join(["{A}"] * 40), id="wide"),
        pytest.param(" -> ".join(["{A}"] * 40), id="nested"),
        pytest.param("v".join(["{A}&{B}&{C}&{D}&{E}&{F}"] * 50), id="long"),
        pytest.param(
            "(" * 9 + "&".join(["{A}"] * 50) + ")" + ("&" + "&".join(["{A}"] * 49) + ")") * 8 + "&{B}" + "&{C}" * 30,
            id="deep",
        ),
    ],
)
def test_a_formula_near_the_bounds_is_a_step_or_malformed_and_nothing_else(formula):
    env = make(3, 0)
    verdict = env.step(f"fact1 -> int1: {formula}")[4]["verdicts"]["z3"]
    assert verdict.score == 0.0
    assert verdict.label in ("incorrect", "trivial", "malformed")
    env.step("fact1 -> int2: {A}")  # and the episode goes on


def test_more_statements_than_are_taken():
    env = make(5, 0, max_steps=MAX_STATEMENTS + 10)
    _, _, answer, proof = task_of(env)
    for number in range(1, MAX_STATEMENTS + 1):
        env.step(f"fact1 -> int{number}: {{A}}{{a}} v {{B}}")
    before = env.situation
    assert before.observation.count("int64:") == 1
    started = time.process_time()
    info = env.step("fact1 -> int99: {A}")[4]
    assert time.process_time() - started < 1.0
    assert env.situation == before
    assert info["verdicts"]["z3"].label == "malformed"
    assert "64" in info["verdicts"]["z3"].reason
    assert env.step(answer)[4]["outcome"] == (0.0 if proof else 1.0)


def test_a_flood_of_individuals_does_not_stop_the_environment():
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = iter([one + other for one in letters for other in letters])
    env = make(5, 0)
    started = time.process_time()
    for number in range(1, 13):
        atoms = [f"{{A}}{{{next(names)}}}" for _ in range(20)]
        env.step(f"fact1 -> int{number}: {' & '.join(atoms)}")
    assert time.process_time() - started < 10


# Verdicts and outcomes.


@pytest.mark.parametrize("difficulty", LEVELS)
def test_an_unsound_step_to_the_goal_does_not_earn_the_verdict(difficulty):
    tried = 0
    for seed in range(30):
        env = make(difficulty, seed)
        _, facts, answer, proof = task_of(env)
        if not proof:
            continue
        label = next(iter(facts))
        verdict = env.step(f"{label} -> int1: {proof[-1]['formula']}")[4]["verdicts"]["z3"]
        assert verdict.label == "incorrect"
        _, reward, terminated, _, info = env.step(answer)
        assert (reward, terminated, info["outcome"]) == (0.0, True, 0.0)
        assert info["verdicts"]["z3"].label == "incorrect"
        tried += 1
    assert tried >= 15


@pytest.mark.parametrize("difficulty", LEVELS)
def test_wrong_verdicts_earn_nothing_even_after_the_proof(difficulty):
    for seed in range(20):
        *steps, answer = make(difficulty, seed).solution()
        for verdict in {"PROVED", "DISPROVED", "UNKNOWN"} - {answer}:
            env = make(difficulty, seed)
            for step in steps:
                env.step(step)
            info = env.step(verdict)[4]
            assert info["outcome"] == 0.0
            assert info["verdicts"]["z3"].label == "incorrect"
            assert info["actions"] == ()


def test_a_detour_does_not_spoil_a_proof():
    for seed in range(20):
        env = make(3, seed, max_steps=20)
        *steps, answer = env.solution()
        fact = next(iter(task_of(env)[1]))
        env.step(f"{fact} -> int98: {{ZZZ}}")
        env.step("nonsense")
        for step in steps:
            env.step(step)
        assert env.step(answer)[4]["outcome"] == 1.0


def test_a_derivation_that_the_solver_cannot_follow_is_no_fault_of_the_infrastructure():
    # A step that Z3 leaves open (see test_entailment.py), cited beside what would be enough.
    successor = (
        "(x): (Ey): (({A}x -> ¬{A}y) & (¬{A}x -> {A}y)) & (({A}x -> (({B}x -> ¬{B}y) & (¬{B}x -> {B}y))) & (¬{A}x -> (({B}x -> {B}y) & ({B}y -> {B}x))))"
        " & ((({A}x & {B}x) -> (({C}x -> ¬{C}y) & (¬{C}x -> {C}y))) & (¬({A}x & {B}x) -> (({C}x -> {C}y) & ({C}y -> {C}x))))"
    )
    seed = next(seed for seed in range(50) if make(3, seed).task.sealed["answer"] == "PROVED")
    env = make(3, seed)
    _, _, answer, proof = task_of(env)
    env.step(f"fact1 -> int1: {successor}")
    last = proof[-1]["formula"]
    leaves = dict.fromkeys(label for step in proof for label in step["cited"] if label.startswith("fact"))
    env.step(f"{' & '.join(leaves)} & int1 -> int2: {last}")
    info = env.step(answer)[4]
    assert (info["valid"], info["outcome"]) == (True, 0.0)


def test_the_step_limit_truncates_with_outcome_nought():
    env = make(1, 0)
    assert env.max_steps == 4 + 2 * LEVELS[1].max_depth
    for _ in range(env.max_steps - 1):
        assert env.step("nonsense")[2:4] == (False, False)
    _, reward, terminated, truncated, info = env.step("nonsense")
    assert (reward, terminated, truncated, info["outcome"]) == (0.0, False, True, 0.0)


def test_nothing_sealed_is_shown():
    for difficulty in LEVELS:
        env = make(difficulty, 1)
        _, facts, answer, proof = task_of(env)
        shown = env.situation.observation + env.task.instructions.split("When the hypothesis")[0]
        assert answer not in shown
        assert not {step["formula"] for step in proof} & set(facts.values())


def test_a_snapshot_goes_on_as_the_original_does():
    for difficulty in LEVELS:
        env, other = make(difficulty, 2), make(difficulty, 3)
        for action in steps_of(env.situation.actions)[:2]:
            env.step(relabelled(action, len(env.past_steps) + 1))
        other.restore(env.snapshot())
        assert other.situation == env.situation
        action = env.situation.actions[0]
        assert env.step(action)[:4] == other.step(action)[:4]
        assert env.situation == other.situation


def test_options_are_checked():
    for options in ({"difficulty": 0}, {"difficulty": 6}, {"candidates": 3}, {"dificulty": 2}):
        with pytest.raises(OptionError):
            DeductionEnv(**options)
    with pytest.raises(OptionError):
        make(1, 0).reset(options={"entropy": 1})
    with pytest.raises(ContractError):
        make(1, 0).step(1)


# Shortcuts: what somebody who does not reason earns. It takes many tasks to tell: of the levels between the outer ones, the sweep does.

OUTER_LEVELS = [1, *(pytest.param(difficulty, marks=pytest.mark.sweep) for difficulty in (2, 3, 4)), pytest.param(5, marks=pytest.mark.slow)]


def _first_listed_that(preferred):
    """Who takes the preferred step until the hypothesis or its negation is written down, then says so; UNKNOWN when steps run out."""

    def play(env, rng):
        hypothesis = task_of(env)[0]
        verdicts = {hypothesis: "PROVED", opposite(hypothesis): "DISPROVED"}
        written = set()
        while True:
            reached = [verdict for formula, verdict in verdicts.items() if formula in written]
            steps = steps_of(env.situation.actions)
            out_of_steps = not steps or len(env.past_steps) >= env.max_steps - 2
            action = reached[0] if reached else "UNKNOWN" if out_of_steps else preferred(steps, verdicts, rng)
            _, _, terminated, truncated, info = env.step(action)
            if terminated or truncated:
                return info["outcome"]
            written.add(move_of(action)[1])

    return play


HEURISTICS = {
    "longest": _first_listed_that(lambda steps, goals, rng: max(steps, key=len)),
    "shortest": _first_listed_that(lambda steps, goals, rng: min(steps, key=len)),
    "cites most": _first_listed_that(lambda steps, goals, rng: max(steps, key=lambda step: len(move_of(step)[0]))),
    "concludes the hypothesis": _first_listed_that(lambda steps, goals, rng: max(steps, key=lambda step: move_of(step)[1] in goals)),
    "first listed": _first_listed_that(lambda steps, goals, rng: steps[0]),
    "alphabetical": _first_listed_that(lambda steps, goals, rng: min(steps)),
    "random": _first_listed_that(lambda steps, goals, rng: steps[rng.integers(len(steps))]),
}


@pytest.mark.slow
@pytest.mark.parametrize("difficulty", OUTER_LEVELS)
@pytest.mark.parametrize("heuristic", HEURISTICS)
def test_no_heuristic_of_text_solves_the_tasks(heuristic, difficulty):
    # A fifth of the tasks is UNKNOWN. At difficulty 1 one step is enough, so that luck goes further.
    rng = np.random.default_rng(0)
    outcomes = [HEURISTICS[heuristic](make(difficulty, 10_000 + seed, verifiers=[]), rng) for seed in range(150)]
    assert np.mean(outcomes) < (0.45 if difficulty == 1 else 0.35)


def _counts(env):
    """What can be counted in a task without reading it: facts of each kind, signs, rules towards the hypothesis and its opposite, how often names occur."""
    hypothesis, facts, _, _ = task_of(env)
    name, negated = re.search(r"\{[A-Z]+\}", hypothesis)[0], hypothesis.startswith("¬")
    bodies = [fact.removeprefix("(x): ") for fact in facts.values()]
    heads = [body.rsplit(" -> ", 1)[-1] for body in bodies if "->" in body or " v " in body]
    names = Counter(found for body in bodies for found in set(re.findall(r"\{[A-Z]+\}", body)))
    kinds = [
        *(len(bodies), sum("(x)" in fact for fact in facts.values()), len(env.task.question), sum(body.count("¬") for body in bodies)),
        *(sum(sign in body for body in bodies) for sign in (" & ", " v ", "->")),
        sum(not re.search(r"&|->| v ", body) for body in bodies),
    ]
    aimed = [head for head in heads if name in head]
    same = sum((f"¬{name}" in head) == negated for head in aimed)
    relations = [negated, names[name], same, len(aimed) - same, same > len(aimed) - same, len(names), sum(number == 1 for number in names.values())]
    return np.array(kinds + relations, dtype=float)


@pytest.mark.parametrize("difficulty", OUTER_LEVELS)
def test_the_answer_is_not_read_off_counts(difficulty, guessed):
    # The largest class has 0.4, with 600 held out the standard deviation of an accuracy is 0.02.
    envs = [make(difficulty, 50_000 + seed, verifiers=[], candidates=0) for seed in range(1_200 if difficulty == 1 else 1_000)]
    labels = np.array([["PROVED", "DISPROVED", "UNKNOWN"].index(env.task.sealed["answer"]) for env in envs])
    assert guessed(np.array([_counts(env) for env in envs]), labels) < 0.55


@pytest.mark.parametrize("difficulty", LEVELS)
def test_no_single_count_tells_what_is_unknown(difficulty):
    rng = np.random.default_rng(9)
    seen = {True: set(), False: set()}
    for _ in range(150):
        theory = generate(int(rng.integers(2**63)), LEVELS[difficulty])
        formulas = [fact.formula for fact in theory.facts]
        literals = sum(not re.search(r"&|->| v ", formula) for formula in formulas)
        seen[theory.answer == "UNKNOWN"].add(literals - sum(" & " in formula for formula in formulas))
    assert seen[True] & seen[False]


def test_a_snapshot_of_another_difficulty_is_refused():
    snapshot = make(5, 1).snapshot()
    env = make(1, 1)
    with pytest.raises(ContractError, match="a snapshot of difficulty 5 cannot be restored into an environment of difficulty 1"):
        env.restore(snapshot)
    assert env.difficulty == 1


@pytest.mark.parametrize(
    ("formula", "taken"), [("{A}", True), ("¬{A} v {B}", True), ("(x): {A}x -> {B}x", True), ("{A} & {A} & {A}", False), ("({A} & {B}) v {C}", False)]
)
def test_a_conclusion_names_at_most_two_predicates(formula, taken):
    env = make(1, 0)
    info = env.step(f"fact1 -> int1: {formula}")[4]
    assert (info["verdicts"]["z3"].label != "malformed") is taken
    assert ("int1" in env.situation.observation) is taken
