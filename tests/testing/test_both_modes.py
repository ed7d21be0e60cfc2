"""What is shown by tasks, and whether a difference between the modes is found."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))

import notes

from prm_gym.testing.both_modes import covering, kind_of, play_in_both, units_of


def test_units_of_a_kind():
    assert units_of("buy/named/lure+address/edit/signed-out") == {"buy/named", "address/edit", "address & buy", "in lure", "in signed-out"}
    assert units_of("trap") == {"trap"}  # a family, and no setting


class Alternating(notes.NotesEnv):
    """Notes, with kinds that repeat."""

    def scenario_of(self, entropy):
        scenario = super().scenario_of(entropy)
        return type(scenario)(
            **{name: getattr(scenario, name) for name in scenario.__slots__ if name != "kind"}, kind="even/a" if entropy % 2 else "odd/b+even/a"
        )


def test_a_covering_shows_each_kind_once():
    env, seen = Alternating(), set()
    chosen = list(covering(env, range(40), seen))
    assert seen == {"even/a", "odd/b", "even & odd"}
    assert 1 <= len(chosen) <= 2
    assert chosen[0] == 0
    env.reset(seed=3)
    assert env.scenario.kind == kind_of(env, 3)


class Stamped(notes.NotesEnv):
    """Notes that tell another name of the site once something was typed."""

    def policy_text(self):
        return "You keep notes."

    def rules(self, happened):
        from prm_gym.claims import Rule

        return (Rule("say so", kept=True, why="here"),) if any(item.value == "Taxes" for item in happened.after.items) else ()


@pytest.mark.parametrize("seed", [0, 2])
def test_the_same_world_has_no_difference_and_its_script_is_solved(seed):
    played = play_in_both(notes.NotesEnv(max_steps=200), notes.NotesEnv(max_steps=200), seed)
    assert played.differences == ()
    assert played.solved
    assert played.steps > 6


def test_a_claim_that_differs_is_found():
    played = play_in_both(notes.NotesEnv(max_steps=200), Stamped(max_steps=200), 0)
    assert "claims" in played.differences[0]
