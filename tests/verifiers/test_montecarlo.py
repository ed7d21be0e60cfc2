"""`montecarlo`: in an environment, over stored trajectories, and what makes it pure."""

import json
import pickle
import sys
from pathlib import Path

import gymnasium as gym
import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "montecarlo"))

from chain_worlds import SkilledAgent

from prm_gym.agent import TrainableAgent, make_agent
from prm_gym.cli import main
from prm_gym.errors import CheckpointError, OptionError, UnknownNameError
from prm_gym.montecarlo import LabelOptions, label_by_rollouts
from prm_gym.rescore import contexts, rescore
from prm_gym.rollout import Rollouts, groups
from prm_gym.store import TrajectoryWriter, read_trajectories
from prm_gym.verifier import make_verifier, verify_batch
from prm_gym.verifiers.montecarlo import MonteCarloVerifier

CHAIN = "test_montecarlo/ChainEnv"


def played(skill=0.7, seeds=range(4), options=None):
    return Rollouts(CHAIN, options or {}, num_envs=4).play(SkilledAgent(skill), groups(seeds, 1))


def first_wrong(trajectory):
    return next((step.index for step in trajectory.steps if step.action == "wrong"), len(trajectory.steps))


def test_live_and_stored_steps_get_the_same_verdicts():
    spec = "montecarlo:random?env=prm_gym/Countdown-v0&difficulty=1&k=6"
    live = Rollouts("prm_gym/Countdown-v0", {"difficulty": 1, "verifiers": [spec]}, num_envs=3).play(make_agent("random"), groups(range(3), 2))
    verifier = make_verifier(spec)
    again = rescore(live, [verifier])
    assert [change for each in again for change in each.changes] == []
    assert verifier.estimator.spent.rollouts > 0
    verifier.close()
    assert {verdict.status for trajectory in live for step in trajectory.steps for verdict in step.verdicts.values()} >= {"ok"}


def test_a_chain_of_steps_is_labelled_up_to_its_first_error():
    for trajectory in label_by_rollouts(played(), SkilledAgent(0.9), LabelOptions(method="soft", k=64)):
        verdicts = [step.verdicts["montecarlo"] for step in trajectory.steps]
        wrong = first_wrong(trajectory)
        assert [verdict.score > 0 for verdict in verdicts] == [step < wrong for step in range(6)]
        for step, verdict in enumerate(verdicts[:-1]):
            low, high = verdict.evidence["interval"]
            assert low <= verdict.score <= high
            assert (verdict.evidence["rollouts"], verdict.evidence["agent"]) == (64, "skilled:0.9")
            if step < wrong:
                assert low - 0.1 <= 0.9 ** (5 - step) <= high + 0.1
        assert verdicts[-1].evidence == {"outcome": trajectory.outcome, "progress": trajectory.outcome}


@pytest.mark.parametrize("method", ["soft", "search", "denoised"])
def test_an_episode_without_a_step_does_not_end_the_labelling(method):
    one, other = played(seeds=range(2))
    empty = msgspec.structs.replace(one, steps=(), outcome=0.0)
    labelled = list(label_by_rollouts([empty, other], SkilledAgent(1.0), LabelOptions(method=method, k=2)))
    assert labelled[0] == empty
    assert all("montecarlo" in step.verdicts for step in labelled[1].steps)


@pytest.mark.parametrize("method", ["soft", "hard", "search", "denoised"])
def test_every_method_says_what_it_knows(method):
    given = played(0.8, range(8))
    options = LabelOptions(method=method, k=4)
    labelled = list(label_by_rollouts(iter(given), SkilledAgent(1.0), options))
    assert [trajectory.id for trajectory in labelled] == [trajectory.id for trajectory in given]
    assert labelled == list(label_by_rollouts(given, SkilledAgent(1.0), options))
    for trajectory in labelled:
        wrong = first_wrong(trajectory)
        scores = [step.verdicts["montecarlo"].score for step in trajectory.steps]
        after = {"soft": 0.0, "hard": 0.0, "search": None, "denoised": None}[method]
        assert scores == [1.0] * min(wrong, 6) + [0.0] * (wrong < 6) + [after] * max(0, 5 - wrong)


def test_denoised_labels_say_why_there_are_none():
    def reasons(skill, given):
        labelled = label_by_rollouts(given, SkilledAgent(skill), LabelOptions(method="denoised", k=4))
        return {step.verdicts["montecarlo"].reason for each in labelled for step in each.steps if step.verdicts["montecarlo"].score is None}

    failed = [each for each in played(0.8, range(8)) if each.outcome == 0.0]
    assert reasons(0.0, failed) == {"the agent succeeds in less than 75% of its roll-outs from the beginning: too weak for this task to be labelled by it"}
    assert all(reason.startswith("it comes after the first error") for reason in reasons(1.0, failed))
    assert reasons(1.0, [msgspec.structs.replace(failed[0], outcome=None)]) == {"the solution has no outcome"}


def test_an_agent_that_cannot_do_the_task_judges_no_step():
    for trajectory in label_by_rollouts(played(0.5), SkilledAgent(0.0), LabelOptions(k=3)):
        *before, last = [step.verdicts["montecarlo"] for step in trajectory.steps]
        assert {verdict.status for verdict in before} == {"abstain"}
        assert "too weak" in before[0].reason
        assert last.score == trajectory.outcome


def test_other_options_than_those_of_the_steps_are_noticed():
    steps = contexts(played()[0])
    verdicts = MonteCarloVerifier(SkilledAgent(1.0), env=CHAIN, length=4).verify(steps)
    assert {verdict.status for verdict in verdicts} == {"abstain"}
    assert "another task" in verdicts[0].reason


def test_what_makes_it_pure():
    class Learner(SkilledAgent, TrainableAgent):
        greedy = load = save = update = None

    class Moody(SkilledAgent):
        seeded = False

    def make(agent, **options):
        return MonteCarloVerifier(agent, env=CHAIN, **options)

    assert make(SkilledAgent(1.0)).pure
    assert not make(Moody(1.0)).pure
    assert not make(Learner(1.0)).pure
    assert not make(SkilledAgent(1.0), rollouts=10).pure
    copy = pickle.loads(pickle.dumps(make_verifier("montecarlo:random?env=prm_gym/Countdown-v0&k=2")))
    assert copy.estimator.spent.rollouts == 0


def test_a_budget_leaves_the_rest_undecided():
    verifier = MonteCarloVerifier(SkilledAgent(1.0), env=CHAIN, k=4, rollouts=6)
    verdicts = verifier.verify(contexts(played(1.0)[0]))
    assert [verdict.status for verdict in verdicts] == ["ok"] * 2 + ["abstain"] * 4
    assert verifier.estimator.spent.rollouts == 6


def test_options_are_checked():
    for spec in ("montecarlo:random", "montecarlo:random?env=prm_gym/Countdown-v0&mode=softest", "montecarlo:random?env=prm_gym/Countdown-v0&k=0"):
        with pytest.raises(OptionError):
            make_verifier(spec)
    with pytest.raises(OptionError, match="difficulty"):
        make_verifier("montecarlo:random?env=prm_gym/Countdown-v0&dificulty=2")
    with pytest.raises(CheckpointError, match=r"no folder '\./nowhere' with a saved agent"):
        make_verifier("montecarlo:./nowhere?env=prm_gym/Countdown-v0")
    with pytest.raises(UnknownNameError, match="random"):
        make_verifier("montecarlo:randum?env=prm_gym/Countdown-v0")
    with pytest.raises(OptionError, match="method"):
        LabelOptions(method="hardest")


def test_it_works_in_an_environment_and_on_the_command_line(tmp_path, capsys):
    spec = "montecarlo:random?env=prm_gym/Countdown-v0&difficulty=1&k=4"
    easier = spec.replace("k=4", "k=64&mode=hard&candidates=4")
    env = gym.make("prm_gym/Countdown-v0", difficulty=1, verifiers=[easier], reward="dense")
    env.reset(seed=3)
    *_, info = env.step(env.unwrapped.solution()[0])
    assert info["verdicts"]["montecarlo"].status == "ok"
    env.close()
    stored, out, trl = (tmp_path / name for name in ("stored.jsonl", "out.jsonl", "trl.jsonl"))
    with TrajectoryWriter(stored) as writer:
        writer.write(Rollouts("prm_gym/Countdown-v0", {"difficulty": 1, "verifiers": []}, num_envs=3).play(make_agent("random"), groups(range(4), 1)))
    main(["label", str(stored), "--verifier", spec, "--out", str(out), "--trl", str(trl), "--json"])
    assert json.loads(capsys.readouterr().out)[0]["verifiers"] == ["montecarlo"]
    labelled = list(read_trajectories(out))
    assert len(labelled) == 4
    by_function = list(label_by_rollouts(read_trajectories(stored), "random", LabelOptions(k=4)))
    assert [[step.verdicts["montecarlo"].score for step in each.steps] for each in labelled] == [
        [step.verdicts["montecarlo"].score for step in each.steps] for each in by_function
    ]


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "stored.jsonl"
    with TrajectoryWriter(path) as writer:
        writer.write(Rollouts("prm_gym/Countdown-v0", {"difficulty": 1, "verifiers": []}, num_envs=3).play(make_agent("random"), groups(range(5), 1)))
    return path


@pytest.mark.parametrize("method", ["soft", "hard", "search", "denoised"])
def test_the_command_labels_by_every_method_as_the_function_does(stored, tmp_path, capsys, method):
    out = tmp_path / "out.jsonl"
    options = [f"method={method}", "k=4", "seed=3", "batch=2"]
    main(["label", str(stored), "--rollouts", "random", "--rollout-option", *options, "--out", str(out), "--json"])
    (summary,) = json.loads(capsys.readouterr().out)
    assert summary["verifiers"] == ["montecarlo"]
    expected = list(label_by_rollouts(read_trajectories(stored), "random", LabelOptions(method=method, k=4, seed=3)))
    assert list(read_trajectories(out)) == expected
    assert sum(summary["steps"].values()) == sum(len(each.steps) for each in expected)
    silent = [step.verdicts["montecarlo"].reason for each in expected for step in each.steps if step.verdicts["montecarlo"].score is None]
    assert {reason.removeprefix("montecarlo: ") for reason in summary["why there is no score"]} <= set(silent)
    assert bool(silent) == bool(summary["why there is no score"])


def test_labelling_by_rollouts_goes_on_with_what_is_missing_and_with_nothing_else(stored, tmp_path, capsys):
    out, command = tmp_path / "out.jsonl", ["label", str(stored), "--rollouts", "random"]
    main([*command, "--rollout-option", "k=2", "--out", str(out)])
    lines = out.read_text().splitlines()
    out.write_text("\n".join(lines[:2]) + "\n")  # as if it had been interrupted
    main([*command, "--rollout-option", "k=2", "--out", str(out)])
    assert out.read_text().splitlines() == lines
    for other in (["k=3"], ["k=2", "method=hard"], ["k=2", "seed=1"], ["k=2", "threshold=0.25"]):
        with pytest.raises(SystemExit) as ended:
            main([*command, "--rollout-option", *other, "--out", str(out)])
        assert ended.value.code == 2
        assert "are of version" in capsys.readouterr().err


def test_rollouts_stand_beside_other_verifiers(stored, tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    main(["label", str(stored), "--rollouts", "random", "--rollout-option", "k=1", "--verifier", "arithmetic", "--out", str(out), "--json"])
    assert json.loads(capsys.readouterr().out)[0]["verifiers"] == ["arithmetic", "montecarlo"]
    assert all({"arithmetic", "montecarlo"} <= set(step.verdicts) for each in read_trajectories(out) for step in each.steps)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rollouts", "randon"], "random"),
        (["--rollout-option", "k=2"], "name the agent"),
        (["--rollouts", "random", "--rollout-option", "kk=2"], "'kk'"),
        (["--rollouts", "random", "--rollout-option", "k=0"], "from 1 on"),
        (["--rollouts", "random", "--rollout-option", "k=many"], "k"),
        (["--rollouts", "random", "--rollout-option", "method=hardest"], "hardest"),
        (["--rollouts", "random", "--rollout-option", "threshold=2"], "threshold lies in"),
        (["--rollouts", "./nowhere"], "no folder './nowhere' with a saved agent"),
        (["--rollouts", "random", "--verifier", "montecarlo:random?env=prm_gym/Countdown-v0"], "leave one of them out"),
    ],
)
def test_what_labelling_by_rollouts_cannot_do(stored, capsys, arguments, said):
    with pytest.raises(SystemExit) as ended:
        main(["label", str(stored), *arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_texts_have_no_environment_to_play_on_in(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"question": "1 + 1?", "steps": ["1 + 1 = 2."], "answer": "2"}) + "\n")
    with pytest.raises(SystemExit):
        main(["label", str(path), "--rollouts", "random"])
    assert "stored trajectories" in capsys.readouterr().err


def test_a_scripted_agent_judges_too():
    # Privileged: it reads on in the solution, so from a state on the way it succeeds, and elsewhere it fails or is at its end, which is an error verdict.
    (trajectory,) = Rollouts("prm_gym/Sokoban-v0", {"difficulty": 1}, num_envs=1).play(make_agent("scripted"), groups([1], 1))
    verifier = MonteCarloVerifier("scripted", env="prm_gym/Sokoban-v0", k=1, difficulty=1)
    assert [by_id["montecarlo"].score for by_id in verify_batch([verifier], contexts(trajectory))] == [1.0] * len(trajectory.steps)
