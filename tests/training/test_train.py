"""The loop: what interrupts it, what goes wrong in it, and where its figures go."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import spelling_world
from spelling_world import LONG, config
from stopped_runs import StopError, left_behind, stopping_after

from prm_gym.agent import make_agent
from prm_gym.cli import main
from prm_gym.errors import CheckpointError, ContractError, DivergedError, MissingExtraError, OptionError
from prm_gym.report.comparison import RunResult
from prm_gym.rollout import Rollouts, groups
from prm_gym.store import TrajectoryWriter
from prm_gym.training.interruption import Interruption
from prm_gym.training.methods import METHODS
from prm_gym.training.metrics import Sink, TensorBoard, WeightsAndBiases, require_finite
from prm_gym.training.run import read_result, train, trainable
from prm_gym.training.state import RunState
from prm_gym.verifiers.arithmetic import ArithmeticVerifier


@pytest.fixture(autouse=True)
def _known():
    spelling_world.register()


def _course(directory):
    return *left_behind(directory), (directory / "agent" / "speller.json").read_text()


# Every method and curriculum goes on along the same curve.


@pytest.mark.parametrize(
    "changes",
    [
        *({"method": method} for method in METHODS),
        {"method": "correction?corrector=self&tries=2"},
        {"method": "correction?corrector=mixed:0.5"},
        {"method": "step-preferences?corrector=scripted"},
        LONG,
        {**LONG, "curriculum": "window?low=0.05&high=0.1"},
        {**LONG, "curriculum": "task-value", "demonstrations": 2},
    ],
    ids=str,
)
def test_a_run_that_was_stopped_goes_on_along_the_same_curve(tmp_path, changes):
    changes = {"budget": 400, "agent_options": {"explore": 0.5, "knows": "A"}, **changes}
    train(config(**changes), tmp_path / "whole")
    for life in (2, 3, 2, 4):  # batches until it is stopped; there is a checkpoint after every second one
        with pytest.raises(StopError):
            train(config(**changes), tmp_path / "cut", stopping_after(life))
    train(config(**changes), tmp_path / "cut")
    assert _course(tmp_path / "cut") == _course(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["policy-gradient", "correction?corrector=self"])
def test_a_run_that_is_killed_again_and_again_goes_on_along_the_same_curve(tmp_path, method):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(config(method=method, **LONG), whole)
    command = [sys.executable, spelling_world.__file__, str(cut), method, "0.05"]
    killed = 0
    for life in range(5):
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        begun = _size(cut / "metrics.jsonl")
        deadline = time.monotonic() + 120
        while process.poll() is None and (_size(cut / "metrics.jsonl") == begun or not (cut / "state.json").is_file()):
            assert time.monotonic() < deadline, "no batch within two minutes"
            time.sleep(0.01)
        time.sleep(0.03 * life)  # a batch takes some hundredths of a second: another moment in every life
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        _, errors = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), errors
    assert killed >= 2
    train(config(method=method, **LONG), cut)
    assert _course(cut) == _course(whole)


def _size(path):
    return path.stat().st_size if path.is_file() else 0


# Ctrl-C.


def test_one_interruption_is_noted_and_two_end_at_once(capsys):
    before = signal.getsignal(signal.SIGINT)
    with Interruption("soon") as interruption:
        assert not interruption()
        signal.raise_signal(signal.SIGINT)
        assert interruption()
        assert capsys.readouterr().err == "soon\n"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_that_is_to_end_has_a_checkpoint_of_its_last_batch(tmp_path):
    train(config(), tmp_path / "whole")
    changes = {"checkpoint_every": 100, "evaluate_every": 10_000}
    train(config(**changes), tmp_path / "rarely")
    batches = iter([False, False, True])
    with pytest.raises(KeyboardInterrupt):
        train(config(**changes), tmp_path / "cut", stop=lambda: next(batches))
    state = msgspec.json.decode((tmp_path / "cut" / "state.json").read_bytes(), type=RunState)
    assert (state.batches, state.checkpoint) == (3, "checkpoint-3")
    assert (tmp_path / "cut" / "checkpoint-3" / "speller.json").is_file()
    # Ended again before it has played another batch: the checkpoint is written beside the one that counts, never over it.
    assert [path.name for path in (tmp_path / "cut").glob("checkpoint-*")] == ["checkpoint-3"]
    train(config(**changes), tmp_path / "cut")
    assert _course(tmp_path / "cut") == _course(tmp_path / "rarely")


def test_the_checkpoint_that_counts_is_never_written_over(tmp_path):
    # With an evaluation due after every batch, and a checkpoint after every batch too, there are two checkpoints of each.
    seen = []

    class Noting(Sink):
        def record(self, figures):
            seen.append(sorted(path.name for path in tmp_path.glob("checkpoint-*")))

    train(config(evaluate_every=1, checkpoint_every=1, budget=60), tmp_path, sinks=[Noting()])
    assert ["checkpoint-1-again"] in seen
    assert all(len(names) <= 1 for names in seen)
    assert len(list(tmp_path.glob("checkpoint-*"))) == 1


# What goes wrong.


def test_a_loss_that_is_no_number_ends_the_run_and_the_last_checkpoint_is_good(tmp_path):
    options = {"explore": 0.5, "breaks_at": 4}
    with pytest.raises(DivergedError, match=r"diverged in batch 4, after \d+ environment steps: loss is nan.*kept in .*checkpoint-2; .*agent="):
        train(config(agent_options=options, evaluate_every=10_000), tmp_path / "run")
    # Batches 1 and 2 are in the checkpoint; another run may begin with its agent.
    kept = tmp_path / "run" / "checkpoint-2"
    assert msgspec.json.decode((kept / "speller.json").read_bytes())["updates"] == 2
    begun = trainable(config(agent=str(kept)))
    assert begun.updates == 2
    assert train(config(agent=str(kept), budget=20), tmp_path / "other").curve


@pytest.mark.parametrize("name", ["loss", "imitation_loss", "gradient_norm"])
def test_losses_must_be_finite_and_others_need_not(name):
    require_finite({name: 1.0, "entropy": float("nan")})
    for value in (float("nan"), float("inf")):
        with pytest.raises(DivergedError, match=f"{name} is {value}"):
            require_finite({name: value})


def test_a_checkpoint_of_another_version_whatever_its_layout(tmp_path):
    tmp_path.joinpath("state.json").write_text('{"version": "0.0.1", "config": {"laid": "out otherwise"}, "batches": "many"}')
    with pytest.raises(OptionError, match=r"holds a run of prm_gym 0\.0\.1 and this is"):
        train(config(), tmp_path)
    with pytest.raises(OptionError, match=r"holds a run of prm_gym 0\.0\.1 and this is"):
        read_result(config(), tmp_path)


def test_a_run_whose_verifier_has_another_version_since_is_refused(tmp_path):
    judged = config(env_options={"verifiers": ["arithmetic"]}, budget=20)
    result = train(judged, tmp_path)
    assert read_result(judged, tmp_path) == result
    file, now = tmp_path / "state.json", ArithmeticVerifier.version
    state = json.loads(file.read_text())
    assert state["verifiers"] == {"arithmetic": now}
    file.write_text(json.dumps({**state, "verifiers": {"arithmetic": "0"}}))
    for again in (train, read_result):
        with pytest.raises(OptionError, match=rf"version 0 of the verifier 'arithmetic' and this is {now}; choose another directory"):
            again(judged, tmp_path)
    # Of a run of before versions were kept, and of a verifier that is not installed any more, nothing can be said.
    for unknown in ({}, {"no_such_verifier": "1"}):
        file.write_text(json.dumps({**state, "verifiers": unknown}))
        assert read_result(judged, tmp_path) == result


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"method": "expert-iteration", "agent": "mute"}, ContractError, r"agent 'mute' has no imitate\(\)"),
        ({"demonstration_file": "nowhere.jsonl"}, OptionError, "no file of demonstrations nowhere.jsonl"),
        ({"agent": "./nowhere"}, CheckpointError, "no folder './nowhere' with a saved agent"),
        ({"curriculum": "window"}, OptionError, "give two or more"),
        ({"refills": 1, "attempts": 1}, OptionError, "which one attempt always does"),
        ({"refills": -1}, OptionError, "refills must be at least 0"),
        ({"domains": ({"reward": "dense"},)}, OptionError, "reward is the same in all domains"),
        ({"demonstrations": 2, "demonstrator": "constant:x"}, OptionError, "none of the demonstrations succeeded"),
    ],
)
def test_settings_that_cannot_be_run(tmp_path, changes, error, says):
    with pytest.raises(error, match=says):
        train(config(**changes), tmp_path / "run")
    assert not (tmp_path / "run" / "state.json").exists()


# What is shown first.


def test_demonstrations_of_any_agent_and_from_a_file(tmp_path):
    by_agent = trainable(config(agent_options={}))
    assert by_agent.table == {}
    result = train(config(agent_options={}, demonstrations=4, budget=10), tmp_path / "shown")
    assert result.curve[0].success == 1.0  # four words of three letters hold all letters
    shown_alone = train(config(agent_options={}, demonstrations=4, budget=0), tmp_path / "shown-alone")
    assert [(point.env_steps, point.success) for point in shown_alone.curve] == [(0, 1.0)]
    begun = train(config(agent_options={}, agent=str(tmp_path / "shown-alone" / "agent"), budget=10), tmp_path / "begun")
    assert begun.curve[0].success == 1.0
    rollouts = Rollouts(spelling_world.ENV, {})
    played = rollouts.play(make_agent("scripted"), groups(range(6), 1)) + rollouts.play(make_agent("constant:x"), groups(range(6), 1, "bad-"))
    with TrajectoryWriter(tmp_path / "stored.jsonl") as writer:
        writer.write(played)
    result = train(config(agent_options={}, demonstration_file=str(tmp_path / "stored.jsonl"), budget=10), tmp_path / "read")
    assert result.curve[0].success == 1.0


def test_a_curriculum_turns_to_what_is_not_known_yet(tmp_path):
    # Words of a alone are solved from the start; those of b are never: its share rises to softmax(1, 0) at the temperature 1/2.
    changes = {"domains": ({"letters": "a"}, {"letters": "b"}), "curriculum": "domain-weights", "agent_options": {"wrong": "a"}, "method": "step-preferences"}
    train(config(**changes, budget=100), tmp_path)
    last = msgspec.json.decode((tmp_path / "metrics.jsonl").read_bytes().splitlines()[-1])
    assert last["share_1"] == pytest.approx(2.718281828**2 / (1 + 2.718281828**2), abs=0.01)


# Figures.


def test_sinks_are_told_of_batches_and_evaluations_and_closed(tmp_path):
    class Noting(Sink):
        def __init__(self):
            self.begun, self.records, self.closed = [], [], 0

        def begin(self, batches):
            self.begun.append(batches)

        def record(self, figures):
            self.records.append(dict(figures))

        def close(self):
            self.closed += 1

    first, second = Noting(), Noting()
    with pytest.raises(StopError):
        train(config(), tmp_path, stopping_after(3), sinks=[first])
    result = train(config(), tmp_path, sinks=[second])
    assert (first.begun, second.begun) == ([0], [2])
    assert (first.closed, second.closed) == (1, 1)
    assert [record["batch"] for record in first.records if "success" in record] == [1, 2, 3]
    assert [record["batch"] for record in second.records if "success" in record] == list(range(3, 1 + second.records[-1]["batch"]))
    held_out = [record["held_out_success"] for record in (*first.records, *second.records) if "held_out_success" in record]
    assert held_out[-1] == result.final_success
    assert all(record["env_steps"] >= 0 for record in second.records)


@pytest.mark.parametrize(("package", "make"), [("tensorboard", TensorBoard), ("wandb", lambda directory: WeightsAndBiases(directory, "p", {}))])
def test_a_missing_package_is_named(tmp_path, monkeypatch, package, make):
    for name in (package, "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"package '{package}'.*prm-gym\[{package}\]"):
        make(tmp_path)


def test_tensorboard_reads_what_was_written(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(config(), tmp_path, sinks=[TensorBoard(tmp_path)])
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    lines = [msgspec.json.decode(line) for line in (tmp_path / "metrics.jsonl").read_bytes().splitlines()]
    assert [(event.step, round(event.value, 5)) for event in events.Scalars("success")] == [(line["batch"], round(line["success"], 5)) for line in lines]


# The command.


def test_the_command_trains_says_so_and_is_done_the_second_time(tmp_path, capsys):
    command = [
        "train",
        "--env",
        spelling_world.ENV,
        "--agent",
        "speller",
        "--agent-option",
        "explore=0.5",
        "--device",
        "",
        "--method",
        "correction?corrector=scripted&policy_gradient=false",
    ]
    command += ["--budget", "150", "--tasks", "2", "--attempts", "2", "--eval-tasks", "5", "--domain", "length=2&max_steps=2", "length=3"]
    command += ["--curriculum", "window", "--out", str(tmp_path)]
    main(command)
    shown = capsys.readouterr()
    assert shown.err.splitlines()[0] == f"{spelling_world.ENV}, speller: evaluation on 5 held-out tasks, then 150 environment steps"
    assert "held-out success 1.000" in shown.err
    taken = msgspec.json.decode((tmp_path / "result.json").read_bytes(), type=RunResult).curve[-1].env_steps
    over = f", {taken - 150} over the budget of 150 with the last batch" if taken > 150 else ""
    assert f"{taken} environment steps{over}; " in shown.out
    assert shown.out.splitlines()[0] == "steps    success  mean steps"
    main([*command, "--json"])
    result = msgspec.json.decode(capsys.readouterr().out, type=RunResult)
    assert result == msgspec.json.decode((tmp_path / "result.json").read_bytes(), type=RunResult)
    assert result.final_success == 1.0


def test_the_command_refuses_what_it_cannot_do(tmp_path, capsys):
    for more, says in ((["--method", "corection"], "Did you mean 'correction'"), (["--seed", "-1"], "seed"), (["--domain", "letters"], "NAME=VALUE")):
        with pytest.raises(SystemExit) as ended:
            main(["train", "--env", spelling_world.ENV, "--agent", "speller", "--device", "", "--out", str(tmp_path / "run"), *more])
        assert ended.value.code == 2
        assert says in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_once_ends_after_the_batch_and_the_command_goes_on(tmp_path):
    script = tmp_path / "script.py"
    here = str(Path(spelling_world.__file__).parent)
    script.write_text(f"""
import signal, sys
sys.path.insert(0, {here!r})
import spelling_world
from prm_gym.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
spelling_world.register()
main(sys.argv[1:])
""")
    out = tmp_path / "run"
    command = [sys.executable, str(script), "train", "--env", spelling_world.ENV, "--agent", "speller", "--agent-option", "explore=0.5", "--device", ""]
    command += ["--eval-tasks", "5", "--evaluate-every", "1000000", "--checkpoint-every", "1000000", "--budget", "1000000", "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        deadline = time.monotonic() + 120
        while _size(out / "metrics.jsonl") == 0:
            assert time.monotonic() < deadline, "no batch within two minutes"
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "ending after this batch" in errors
    assert "the same command goes on" in errors
    batches = len((out / "metrics.jsonl").read_bytes().splitlines())
    assert msgspec.json.decode((out / "state.json").read_bytes(), type=RunState).batches == batches > 0


# The candidate policy.


def test_the_candidate_policy_says_when_its_numbers_are_none(tmp_path):
    torch = pytest.importorskip("torch")
    rollouts = Rollouts("prm_gym/Countdown-v0", {"difficulty": 1, "verifiers": []}, 1)
    from prm_gym.credit import StepBatch

    batch = StepBatch.from_trajectories(rollouts.play(make_agent("scripted"), groups([0], 1)))
    agent = make_agent("candidate", device="cpu", width=8)
    agent.save(tmp_path)
    with torch.no_grad():
        agent.network.score.weight.fill_(float("nan"))
    with pytest.raises(DivergedError, match="imitation_loss of the candidate policy is nan"):
        agent.imitate(batch)
    with pytest.raises(CheckpointError, match="no saved policy of width 16"):
        make_agent("candidate", device="cpu", width=16).load(tmp_path)
    (tmp_path / "agent.pt").write_bytes(b"torn")
    for directory in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(CheckpointError, match="no saved policy"):
            make_agent("candidate", device="cpu", width=8).load(directory)
