from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from prm_gym.algebra import consequence
from prm_gym.claims import Consequence, Malformed, SameSolutions
from prm_gym.env import ACTION_LENGTH
from prm_gym.envs.math.beam import LEVELS, BeamEnv, answer_text, candidate_lines, generate
from prm_gym.envs.math.statics import Beam, Load, Support, described, drawn, equilibrium, forces, hinge_moments, moments, reactions

F = Fraction


def _pieces(load, at):
    """A load as forces and couples; a uniform load as its halves left and right of a point, each at its middle."""
    if load.kind != "uniform":
        return [(load.kind, load.size, load.start)]
    cuts = sorted({load.start, min(max(at, load.start), load.end), load.end})
    return [("point", load.size * (end - start), (start + end) / 2) for start, end in pairwise(cuts)]


def _by_levers(pieces, a, b):
    """The reactions of two supports at a and b, load by load: F (b - x)/(b - a) and F (x - a)/(b - a); of a couple C/(b - a) and -C/(b - a)."""
    left, right = F(0), F(0)
    for kind, size, place in pieces:
        left += size * (b - place) / (b - a) if kind == "point" else size / (b - a)
        right += size * (place - a) / (b - a) if kind == "point" else -size / (b - a)
    return left, right


def _closed_form(beam):
    """The reactions by the formulas of a handbook, without solving equations."""
    at = beam.hinge if beam.hinge is not None else F(0)
    pieces = [piece for load in beam.loads for piece in _pieces(load, at)]
    if len(beam.supports) == 1:
        wall = beam.supports[0].position
        down = [(size, place) for kind, size, place in pieces if kind == "point"]
        couples = sum(size for kind, size, _ in pieces if kind == "couple")
        return {"A": sum(size for size, _ in down), "M": sum(size * (place - wall) for size, place in down) - couples}
    places = [support.position for support in beam.supports]
    if beam.hinge is None:
        return dict(zip("AB", _by_levers(pieces, *places), strict=True))
    # The part right of the hinge is a beam on the hinge and C; what the hinge bears is a load on the rest.
    right = [piece for piece in pieces if piece[2] > at]
    borne, third = _by_levers(right, at, places[2])
    first, second = _by_levers([*(piece for piece in pieces if piece[2] <= at), ("point", borne, at)], places[0], places[1])
    return {"A": first, "B": second, "C": third}


@pytest.mark.parametrize("difficulty", LEVELS)
def test_reactions_agree_with_the_formulas_of_a_handbook(difficulty):
    beams = [generate(seed, difficulty) for seed in range(40)]
    assert len(set(beams)) >= 35
    for beam in beams:
        assert dict(reactions(beam)) == _closed_form(beam), beam
        about = [F(0), beam.length, F(7, 2), *(support.position for support in beam.supports)]
        for line in (forces(beam), *(moments(beam, point) for point in about)):
            assert consequence(equilibrium(beam), line, earlier=()).status == "equal"


def test_by_hand():
    # 12 kN at 4 m of 10 m, 2 kN/m over the last 4 m: about A, 10 B = 48 + 8 * 8 = 112.
    beam = Beam(F(10), (Support("A", F(0)), Support("B", F(10))), (Load("point", F(12), F(4), F(4)), Load("uniform", F(2), F(6), F(10))))
    assert equilibrium(beam) == ("10B - 12*4 - 2*4*8 = 0", "A + B - 12 - 2*4 = 0")
    assert dict(reactions(beam)) == {"A": F(44, 5), "B": F(56, 5)}
    assert moments(beam, F(10)) == "-10A + 12*6 + 2*4*2 = 0"
    assert drawn(beam).split("\n") == ["        v   wwwwwwwww", "=====================", "^A                  ^B"]
    # A wall on the left, 5 kN at 3 m and a couple of 4 kNm clockwise: A = 5, M = 15 + 4.
    wall = Beam(F(4), (Support("A", F(0)),), (Load("point", F(5), F(3), F(3)), Load("couple", F(-4), F(1), F(1))))
    assert dict(reactions(wall)) == {"A": F(5), "M": F(19)}
    assert moments(wall, F(0)) == "M - 5*3 - 4 = 0"
    # Hinge at 5 m, C at 8 m, 6 kN at 6 m: about the hinge 3 C = 6 * 1.
    hinged = Beam(F(8), (Support("A", F(0)), Support("B", F(4)), Support("C", F(8))), (Load("point", F(6), F(6), F(6)),), F(5))
    assert hinge_moments(hinged) == "3C - 6*1 = 0"
    assert dict(reactions(hinged)) == {"A": F(-1), "B": F(5), "C": F(2)}


def test_what_does_not_determine_the_reactions_is_told():
    # Two supports at one place: the forces have a sum, and that is all.
    assert reactions(Beam(F(4), (Support("A", F(2)), Support("B", F(2))), (Load("point", F(1), F(2), F(2)),))) is None


def _env(difficulty=2, seed=0, **options):
    env = BeamEnv(difficulty=difficulty, **options)
    env.reset(seed=seed)
    return env


def _label(info):
    return info["verdicts"]["algebra"].label


@pytest.mark.parametrize("difficulty", LEVELS)
def test_a_solved_episode(difficulty):
    env = _env(difficulty, reward="dense")
    steps, total = env.solution(), 0.0
    for step in steps:
        observation, reward, terminated, _, info = env.step(step)
        total += reward
        assert _label(info) == "correct"
    assert (terminated, info["outcome"]) == (True, 1.0)
    assert all(step in observation for step in steps[:-1])
    assert total == pytest.approx(1 + len(steps) * 0.45 / env.max_steps)
    assert isinstance(env.past_steps[-1].claims[0], SameSolutions)


def test_only_what_is_new_is_paid_for():
    env = _env(reward="dense")
    first, second = equilibrium(generate_of(env))
    assert _label(env.step(first)[4]) == "correct"
    assert _label(env.step(f"2*({first.split(' = ')[0]}) = 0")[4]) == "trivial"
    assert _label(env.step("A - A = 0")[4]) == "trivial"
    assert _label(env.step(f"ΣM_A = 0 (so it turns): {first}")[4]) == "trivial"
    assert _label(env.step(second)[4]) == "correct"
    values = dict(reactions(generate_of(env)))
    for name, value in values.items():  # now every true equation follows
        _, reward, _, _, info = env.step(f"{name} = {value}")
        assert (_label(info), reward) == ("trivial", 0.0)
    _, reward, terminated, _, info = env.step(answer_text(values))
    assert (terminated, info["outcome"], _label(info)) == (True, 1.0, "correct")


def generate_of(env):
    state = env.save_state()
    return generate(state["entropy"], state["difficulty"])


def test_equations_in_a_form_of_ones_own():
    env = _env()
    values = dict(reactions(generate_of(env)))
    assert _label(env.step(f"3A - 2B = {3 * values['A'] - 2 * values['B']}")[4]) == "correct"
    claim = env.past_steps[-1].claims[0]
    assert isinstance(claim, Consequence)
    assert claim.earlier == ()
    assert _label(env.step(f"A = {values['A']}")[4]) == "correct"
    assert _label(env.step(f"B = {values['B'] + 1}")[4]) == "incorrect"
    # The false equation stays, and nothing rests on it: the next claim names the right ones alone.
    assert "B = " in env.situation.observation
    env.step(f"B = {values['B']}")
    assert len(env.past_steps[-1].claims[0].earlier) == 2


def test_answers():
    for change, outcome in ((0, 1.0), (1, 0.0)):
        env = _env()
        values = dict(reactions(generate_of(env)))
        values["A"] += change
        _, reward, terminated, _, info = env.step(answer_text(values))
        assert (terminated, reward, info["outcome"]) == (True, outcome, outcome)
        assert _label(info) == ("correct" if outcome else "incorrect")
    env = _env()
    values = dict(reactions(generate_of(env)))
    _, _, _, _, info = env.step(f"Answer: B = {values['B']} * 2 / 2; A = {values['A']}")
    assert info["outcome"] == 1.0


@pytest.mark.parametrize(
    "action",
    [
        "",
        "A",
        "A + B",
        "A + C = 3",
        "x = 3",
        "A*B = 3",
        "A^2 = 9",
        "A > 3",
        "sqrt(A) = 3",
        "1/A = 3",
        "A = 9^9^9^9",
        "A = 1 or A = 2",
        "answer:",
        "answer: A = 3",
        "answer: A = 3, A = 3",
        "answer: A = 3, B = A",
        "answer: A = 3, B > 2",
        "answer: 3 = A, B = 2",
        "answer: A = 3, B = 1/0",
        "answer: A = 3, B = 2, C = 1",
        "answer: answer: A = 3, B = 2",
        "(" * 5000,
        "A" * ACTION_LENGTH,
        "M = 3",
    ],
)
def test_what_is_no_step_changes_nothing(action):
    env = _env(1)
    before = env.situation
    _, reward, terminated, _, info = env.step(action)
    assert isinstance(env.past_steps[-1].claims[0], Malformed)
    assert (env.situation, _label(info), reward, terminated) == (before, "malformed", 0.0, False)


@pytest.mark.parametrize("difficulty", LEVELS)
def test_candidates_hold_no_right_answer_before_it_follows(difficulty):
    for seed in range(6):
        env = _env(difficulty, seed)
        beam = generate_of(env)
        truth = answer_text(dict(reactions(beam)))
        written = []
        for line in equilibrium(beam):
            listed = candidate_lines(beam, tuple(written), 12)
            right = [text for text in listed if not text.startswith("answer") and consequence(equilibrium(beam), text, earlier=()).status == "equal"]
            assert len(listed) == len(set(listed)) == 12
            assert truth not in listed
            assert 1 <= len(right) <= 2
            written.append(line)
        listed = candidate_lines(beam, tuple(written), 12)
        assert truth in listed
        assert sum(text.startswith("answer") for text in listed) == 4


def test_shortcuts_do_not_pay():
    rng = np.random.default_rng(0)
    for choose in (lambda listed: listed[int(rng.integers(len(listed)))], lambda listed: min(listed, key=len), lambda listed: max(listed, key=len)):
        env, won = BeamEnv(difficulty=1, verifiers=[]), 0
        for seed in range(25):
            _, info = env.reset(seed=500 + seed)
            over = False
            while not over:
                _, _, terminated, truncated, info = env.step(choose(info["actions"]))
                over = terminated or truncated
            won += info["outcome"] == 1.0
        assert won <= 3


def test_the_beam_is_told_in_words():
    text = described(generate(1, 4))
    assert "A beam is" in text
    assert "couple" in text


def test_a_won_and_a_lost_end_are_two_states():
    keys = []
    for shift in (0, 1):
        env = _env()
        values = {name: value + shift for name, value in reactions(generate_of(env))}
        keys.append(env.step(answer_text(values))[4]["state_key"])
    assert keys[0] != keys[1]
