import os
import signal
import subprocess
import sys
import time

import pytest

from prm_gym.engines import ProcessEngine
from prm_gym.errors import CheckpointError, OptionError, UnknownNameError
from prm_gym.report.comparison import read_results
from prm_gym.store import read_trajectories
from prm_gym.training.compare import Plan, compare
from prm_gym.training.config import TrainConfig
from prm_gym.training.run import train
from prm_gym.training.state import RunFolder
from prm_gym.training.task_file import TaskFile
from prm_gym.verifier import VERIFIERS

TINY = {"budget": 60, "tasks": 2, "attempts": 2, "evaluate_every": 30, "eval_tasks": 6, "num_envs": 4, "env_options": {"difficulty": 1}}


def _plan(directory, credits=("grpo", "gigpo"), rewards=("outcome", "dense"), seeds=(0, 1), **changes):
    base = TrainConfig(env_id="prm_gym/Deduction-v0", **{**TINY, **changes})
    return Plan(base=base, credits=credits, rewards=rewards, seeds=seeds, directory=directory, workers=2, command="test")


@pytest.mark.slow
def test_every_combination_is_trained_once_and_reported(tmp_path):
    told = {}
    combinations = {(c, r, s) for c in ("grpo", "gigpo") for r in ("outcome", "dense") for s in (0, 1)}
    assert {(config.credit, config.reward, config.seed) for config, _ in _plan(tmp_path).runs()} == combinations
    plan = _plan(tmp_path, seeds=(1,))  # every run is a process that imports everything
    comparison = compare(plan, lambda config, steps: told.__setitem__((config.credit, config.reward, config.seed), steps))
    assert {(run.credit, run.reward, run.seed) for run in comparison.runs} == {combination for combination in combinations if combination[2] == 1}
    assert set(told) == {(run.credit, run.reward, run.seed) for run in comparison.runs}
    assert read_results(tmp_path / "results.json") == comparison
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    # Floor, constant and ceiling; the scripted solver solves everything.
    assert [reference.role for reference in comparison.references] == ["floor", "baseline", "ceiling"]
    assert comparison.references[-1].success == 1.0
    # Where no verdict is used, none is paid for; with dense rewards there is one a step.
    for run in comparison.runs:
        assert (run.verifier_calls == 0) == (run.reward == "outcome")
        assert run.curve[0].env_steps == 0
        assert run.curve[-1].env_steps >= TINY["budget"]
    most = max(run.curve[-1].env_steps for run in comparison.runs)
    assert any("crosses its budget of 60 environment steps" in note and f"to {most}." in note for note in comparison.notes) == (most > TINY["budget"])
    stored = list(read_trajectories(tmp_path / "grpo-dense" / "seed-1" / "trajectories.jsonl"))
    assert len(stored) == next(run.trajectories for run in comparison.runs if (run.credit, run.reward, run.seed) == ("grpo", "dense", 1))

    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*/result.json")}
    again = compare(plan)
    assert again.runs == comparison.runs
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*/result.json")} == before


@pytest.mark.slow
def test_a_run_says_where_it_stands_before_it_takes_a_step(tmp_path):
    # Seed 0 was stopped after its first batch; seed 1 has never run.
    plan, told = _plan(tmp_path, credits=("grpo",), rewards=("outcome",)), {}
    (config, directory), (other, _) = plan.runs()
    with pytest.raises(KeyboardInterrupt):
        train(config, directory, stop=lambda: True)
    held = RunFolder(directory).read(config).env_steps
    assert 0 < held < TINY["budget"]
    compare(plan, lambda config, steps: told.setdefault(config.seed, []).append(steps))
    assert {seed: steps[0] for seed, steps in told.items()} == {config.seed: held, other.seed: 0}
    assert all(steps[-1] == TINY["budget"] for steps in told.values())


@pytest.mark.slow
def test_a_failing_combination_is_named_and_the_rest_is_finished(tmp_path):
    # gigpo has an option gamma, grpo has none: its run fails at its first batch.
    comparison = compare(_plan(tmp_path, rewards=("outcome",), seeds=(0,), credit_options={"gamma": 0.5}))
    assert [(run.credit, run.reward) for run in comparison.runs] == [("gigpo", "outcome")]
    assert any(note.startswith("Failed") and "grpo" in note and "gamma" in note for note in comparison.notes)


def test_a_verifier_that_ends_its_process_ends_the_comparison(tmp_path, monkeypatch, caplog):
    """Each run would be begun again as often, and die: after the first it is known."""
    (tmp_path / "compare_exiting.py").write_text(
        "import os\nfrom prm_gym import Verifier\n\n\nclass Exiting(Verifier):\n    id = 'exiting'\n    version = '1'\n\n"
        "    def verify(self, steps):\n        os._exit(7)\n"
    )
    (tmp_path / "compare_exiting-1.dist-info").mkdir()
    (tmp_path / "compare_exiting-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: compare-exiting\nVersion: 1\n")
    (tmp_path / "compare_exiting-1.dist-info" / "entry_points.txt").write_text("[prm_gym.verifiers]\nexiting = compare_exiting:Exiting\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(VERIFIERS, "_declared", None)
    plan = _plan(tmp_path / "out", credits=("grpo",), rewards=("dense",), seeds=(0, 1, 2), env_options={"difficulty": 1, "verifiers": ["exiting"]})
    with ProcessEngine(1, retries=1) as engine:
        comparison = compare(plan, engine=engine)
    assert comparison.runs == ()
    failed = [note for note in comparison.notes if note.startswith("Failed")]
    assert "grpo + dense, seed 0: LostJobError" in failed[0]
    assert "lost its worker 2 times; the last one: the process ended with code 7" in failed[0]
    assert "the other runs were not tried" in failed[1]
    assert len(failed) == 2
    assert "grpo + dense, seed 0 lost its worker (the process ended with code 7); it is begun again, 1 of 1 times" in caplog.text


@pytest.mark.parametrize(("changes", "near"), [({"credits": ("grop",)}, "grpo"), ({"rewards": ("dens",)}, "dense")])
def test_a_wrong_name_fails_before_anything_is_trained(tmp_path, changes, near):
    with pytest.raises(UnknownNameError, match=near):
        compare(_plan(tmp_path, **changes))
    assert not list(tmp_path.iterdir())


def test_every_seed_begins_with_an_agent_of_its_own(tmp_path):
    warm = _plan(tmp_path / "warm", credits=("grpo",), rewards=("outcome",), budget=0, demonstrations=20)
    compare(warm)
    agents = str(warm.runs()[0][1].parent / "seed-{seed}" / "agent")
    plan = _plan(tmp_path / "trained", credits=("grpo", "gigpo"), rewards=("outcome",), agent=agents)
    assert len(plan.seeds) > 1
    trained = compare(plan)
    assert f"Every run began with a saved agent: {agents}." in trained.notes
    first = {(run.credit, run.seed): run.curve[0].success for run in trained.runs}
    shown = {run.seed: run.final_success for run in compare(warm).runs}
    assert first == {(credit, seed): shown[seed] for credit in plan.credits for seed in plan.seeds}
    with pytest.raises(CheckpointError, match="seed-9"):
        compare(_plan(tmp_path / "other", seeds=(9,), agent=agents))


def test_other_settings_in_the_same_directory_are_refused(tmp_path):
    compare(_plan(tmp_path, credits=("grpo",), rewards=("outcome",), seeds=(0,)))
    with pytest.raises(OptionError, match="other settings"):
        compare(_plan(tmp_path, credits=("grpo",), rewards=("outcome",), seeds=(0,), budget=80))


@pytest.mark.parametrize("changes", [{"credits": ()}, {"seeds": (0, 0)}, {"rewards": ("dense", "dense")}])
def test_an_empty_or_repetitive_plan_is_refused(tmp_path, changes):
    with pytest.raises(OptionError, match="distinct"):
        _plan(tmp_path, **changes)


_SCRIPT = """
import signal, sys
from pathlib import Path
from prm_gym.training.compare import Plan, compare
from prm_gym.training.config import TrainConfig
from prm_gym.training.task_file import TaskFile
from prm_gym.verifier import VERIFIERS
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run as a background job, which a shell makes deaf to it
    base = TrainConfig(env_id="prm_gym/Deduction-v0", env_options={"difficulty": 1}, budget=1_000_000, tasks=2, attempts=2, evaluate_every=50, eval_tasks=4)
    compare(Plan(base=base, credits=("grpo",), rewards=("outcome",), seeds=(0, 1), directory=Path(sys.argv[1]), workers=2))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_comparison_leaves_no_process_and_its_checkpoints(tmp_path, how):
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    directory = tmp_path / "runs"
    process = subprocess.Popen([sys.executable, str(script), str(directory)], stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while len(list(directory.glob("*/*/state.json"))) < 2:
            assert time.monotonic() < deadline, "no checkpoint within two minutes"
            time.sleep(0.2)
        process.send_signal(how)
        process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()
    while (left := _alive(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not left
    assert len(list(directory.glob("*/*/state.json"))) == 2
    if how is signal.SIGINT:
        assert "0 of 2 runs" in " ".join(read_results(directory / "results.json").notes)


def _alive(session):
    """Process ids of a session that are not zombies."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(entry))
    return found


def test_an_environment_without_task_files_says_so():
    with pytest.raises(OptionError, match="prm_gym/Deduction-v0 reads no task files"):
        TaskFile("prm_gym/Deduction-v0", {}, "24.csv")
