"""BrowserGym's tasks: the grammar, the protocol with a stand-in process, and BrowserGym itself where PRM_GYM_BROWSERGYM names a Python that has it.

PRM_GYM_BROWSERGYM=ENV/bin/python PRM_GYM_CHROMIUM=/path/of/chromium python -m pytest tests/envs/test_browsergym.py
"""

import ast
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import gymnasium as gym
import pytest

import prm_gym  # noqa: F401
from prm_gym.envs.adapters.browsergym import BrowserGymEnv
from prm_gym.envs.adapters.browsergym_actions import FUNCTIONS, NoCall, read_call
from prm_gym.envs.adapters.browsergym_process import WORKER
from prm_gym.errors import ContractError, EnvironmentFault, OptionError
from prm_gym.vector import StepVectorEnv

STAND_IN = str(Path(__file__).parent / "browsergym_stand_in.py")
REAL = os.environ.get("PRM_GYM_BROWSERGYM", "")


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("click('a46')", "click('a46')"),
        ('I press it.\n```\nclick("12", "right")\n```', "click('12', button='right')"),
        ('click(\'48\', button="middle", modifiers=["Shift",])', "click('48', button='middle', modifiers=['Shift'])"),
        (r"""fill( '12' , "it's \"so\"\n\u00e9" )""", """fill('12', 'it\\'s "so"\\né')"""),
        ("select_option('c48', ['red', 'green'])", "select_option('c48', ['red', 'green'])"),
        ("scroll(-50.2, 100)", "scroll(-50.2, 100)"),
        ("noop()", "noop()"),
        ("noop(500)", "noop(wait_ms=500)"),
        ("press('26', 'Control+a')", "press('26', 'Control+a')"),
        ("goto('http://shop.test/?a=b#c')", "goto('http://shop.test/?a=b#c')"),
        ("tab_focus(1)", "tab_focus(1)"),
    ],
)
def test_calls_are_written_anew(text, call):
    assert read_call(text) == call
    ast.parse(call, mode="eval")
    assert read_call(call) == call


@pytest.mark.parametrize(
    "text",
    [
        "",
        "click",
        "click(12)",
        "click()",
        "click('12'",
        "click('12') click('13')",
        "click('12')\nclick('13')",
        "click('12'); import os",
        "click('12' + '3')",
        "click(__import__('os').system('id'))",
        "eval('1')",
        "page.goto('http://x.test')",
        "click('12', force=True)",
        "click('12', bid='13')",
        "click(bid='12', bid='13')",
        "click(button='left', '12')",
        "click('12', 'left', ['Hyper'])",
        "click('12\"]; x')",
        "fill('12', f'{1}')",
        "fill('12', 'a' 'b')",
        "fill('12', b'a')",
        "fill('12', '" + "x" * 5000 + "')",
        "fill('12', '\\ud800')",
        "noop(60000)",
        "noop(-1)",
        "scroll(1e999, 0)",
        "scroll(99999999999999, 0)",
        "scroll(True, 0)",
        "goto('file:///etc/passwd')",
        "goto('javascript:alert(1)')",
        "goto('http:\\\\x')",
        "upload_file('12', '/etc/passwd')",
        "mouse_upload_file(1, 2, '/etc/passwd')",
        "select_option('1', [])",
        "select_option('1', [['a']])",
        "keyboard_press('rm -rf')",
        "tab_focus(-1)",
        "(" * 9000,
        "click(" + "[" * 9000,
    ],
)
def test_nothing_else_is_a_call(text):
    with pytest.raises(NoCall):
        read_call(text)


def test_whatever_is_read_is_a_call_of_literals():
    rng, parts = (
        random.Random(0),
        ["click", "fill", "(", ")", "'", '"', "\\", ",", "12", "'12'", "[", "]", "=", "value", "\n", "True", "-1.5", "x", "é", "(", ")"],
    )
    read = 0
    for _ in range(20_000):
        text = rng.choice(["fill('1', ", "keyboard_type(", "select_option('1', "]) + "".join(rng.choice(parts) for _ in range(rng.randrange(5))) + ")"
        try:
            call = read_call(text)
        except NoCall:
            continue
        read += 1
        tree = ast.parse(call, mode="eval").body
        assert isinstance(tree, ast.Call)
        assert tree.func.id in FUNCTIONS
        for node in (*tree.args, *(keyword.value for keyword in tree.keywords)):
            ast.literal_eval(node)
    assert read > 100


@pytest.fixture
def made():
    envs = []

    def make(task="press", **options):
        given = {"task": task if "/" in task else f"browsergym/standin.{task}", "python": sys.executable, "worker": STAND_IN, "deadline": 5.0}
        env = gym.make("prm_gym/BrowserGym-v0", **given | options)
        envs.append(env)
        return env.unwrapped

    yield make
    for env in envs:
        env.close()


def test_an_episode(made):
    env = made(reward="dense")
    observation, info = env.reset(seed=0)
    assert observation.splitlines()[0] == 'goal: Press it 2 times, and write "so".'
    assert set(info["actions"]) == {"click('12')", "click('a13')", "fill('a13', 'so')"}
    malformed = env.step("please click")
    assert "Error: an action is one call of" in malformed[0]
    assert malformed[-1]["state_key"] == info["state_key"]
    assert "message of user: Hurry!" in env.step("click('12')")[0]
    refused = env.step("click('99')")
    assert "Error: ValueError: Could not find element" in refused[0]
    assert refused[-1]["verdicts"]["state"].label == "incorrect"
    assert env.step("click('12')")[-1]["verdicts"]["state"].status == "abstain"
    _, _, terminated, _, info = env.step("send_msg_to_user('done')")
    assert (terminated, info["outcome"], info["verdicts"]["state"].label) == (True, 1.0, "correct")


def test_what_is_not_done_is_not_paid(made):
    env = made()
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step("send_msg_to_user('done')")
    assert (reward, terminated, info["outcome"], info["verdicts"]["state"].label) == (0.0, True, 0.0, "incorrect")


def test_a_part_of_the_raw_reward_is_no_success(made):
    # The stand-in pays as BrowserGym does: reward 1 for the raw reward 0.4.
    for success, outcome in ((1.0, 0.0), (0.3, 1.0), (None, 0.4)):
        env = made("partial", success=success)
        env.reset(seed=0)
        assert env.step("click('12')")[-1]["outcome"] == outcome


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("hangs", "did not answer"),
        ("dies", "ended at 'step': Segmentation fault"),
        ("babbles", "ended at"),
        ("fails", "Target crashed"),
        ("strange", "does not keep the protocol"),
    ],
)
def test_faults_spoil_the_episode_and_fail_nobody(made, task, said):
    env = made(task, deadline=1.0, reward="dense")
    env.reset(seed=0)
    pid = env._process.pid
    _, reward, terminated, truncated, info = env.step("click('12')")
    assert (reward, terminated, truncated, info["valid"], info["outcome"]) == (0.0, False, True, False, None)
    assert said in env.past_steps[-1].claims[0].reason
    assert env.reset(seed=0)[1]["valid"]
    if task != "strange":
        assert env._process.pid != pid
        assert not _runs(pid)


def test_what_cannot_be_made_or_begun_is_told(made):
    with pytest.raises(OptionError, match="there is no such task"):
        made("unknown")
    with pytest.raises(EnvironmentFault, match="no server"):
        made("unreachable").reset(seed=0)
    bad = [{"python": "/no/such/python"}, {"python": ""}, {"task": "miniwob/"}, {"deadline": 0}, {"browsergym": {"a": {1}}}, {"candidates": 3}, {"pyton": ""}]
    for options in bad:
        with pytest.raises(OptionError):
            made(options.pop("task", "press"), **options)


def test_the_step_is_counted_against_the_limit(made):
    env = made(max_steps=2)
    env.reset(seed=0)
    env.step("click('12')")
    assert env.step("click('12')")[2:4] == (False, True)


def test_snapshots_need_replay(made):
    env = made()
    env.reset(seed=0)
    with pytest.raises(ContractError, match="replay=True"):
        env.snapshot()
    with pytest.raises(ContractError, match="without a solution"):
        env.solution()
    env = made(replay=True)
    env.reset(seed=0)
    env.step("click('12')")
    saved = env.snapshot()
    one = env.step("click('12')")
    other = made(replay=True)
    other.restore(saved)
    assert other.step("click('12')") == one


def test_the_environment_can_be_sent_elsewhere(made):
    env = made()
    sent = pickle.loads(pickle.dumps(env))
    try:
        assert sent.reset(seed=3) == env.reset(seed=3)
    finally:
        sent.close()


def test_processes_work_side_by_side():
    # Each reset and each step of the stand-in takes half a second, so three of them one after the other would take three seconds.
    envs = StepVectorEnv(BrowserGymEnv, 3, task="browsergym/standin.slow", python=sys.executable, worker=STAND_IN)
    try:
        begun = time.monotonic()
        envs.reset(seed=0)
        observations, *_, infos = envs.step(["click('12')", "click('99')", "nonsense"])
        assert time.monotonic() - begun < 2.5
        assert ["pressed 1" in observations[0], "Could not find" in observations[1], "one call of" in observations[2]] == [True] * 3
        assert list(infos["valid"]) == [True] * 3
    finally:
        envs.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_does_not_take_ours(made):
    env = made()
    env.reset(seed=0)
    child = os.fork()
    if not child:
        _, _, _, truncated, info = env.step("click('12')")
        env.close()
        os._exit(0 if truncated and not info["valid"] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert "pressed 1 times" in env.step("click('12')")[0]


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z" if Path("/proc").is_dir() else True


def test_the_process_ends_with_ours():
    program = (
        "import gymnasium as gym, prm_gym, sys, time\n"
        f"env = gym.make('prm_gym/BrowserGym-v0', task='browsergym/standin.press', python=sys.executable, worker={STAND_IN!r})\n"
        "print(env.unwrapped._process.pid, flush=True)\ntime.sleep(60)"
    )
    ours = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with ours:
        pid = int(ours.stdout.readline())
        assert _runs(pid)
        ours.send_signal(signal.SIGKILL)
    end = time.monotonic() + 10
    while _runs(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _runs(pid)


@pytest.fixture
def real(made):
    if not REAL:
        pytest.skip("PRM_GYM_BROWSERGYM names no Python that has BrowserGym")

    def make(task, **options):
        return made(f"browsergym/miniwob.{task}", **{"python": REAL, "worker": WORKER, "deadline": 60.0, "browsergym": {"slow_mo": 0}} | options)

    return make


def test_browsergym_itself(real):
    env = real("click-test-2", replay=True)
    observation, info = env.reset(seed=1)
    wanted = observation.splitlines()[0].removeprefix("goal: Click button ").rstrip(".")
    line = next(line for line in observation.splitlines() if f"button '{wanted}'" in line)
    saved = env.snapshot()
    assert info["actions"]
    assert "Error: ValueError" in env.step("click('9999')")[0]
    assert env.step(f"click('{line.split('[')[1].split(']')[0]}')")[-1]["outcome"] == 1.0
    env.restore(saved)
    assert env.situation.observation == observation


def test_browsergym_pays_wrong_answers_and_we_do_not(real):
    # Submitting without ticking anything: right only where nothing is to be ticked.
    env, paid, right = real("click-checkboxes"), 0, 0
    for seed in range(8):
        observation, _ = env.reset(seed=seed)
        line = next(line for line in observation.splitlines() if "button 'Submit'" in line)
        outcome = env.step(f"click('{line.split('[')[1].split(']')[0]}')")[-1]["outcome"]
        paid += env._told.reward > 0
        right += outcome > 0
        assert outcome == (env._told.raw >= 1.0)
        assert outcome <= ("select nothing" in observation.lower())
    assert right <= paid


def test_a_dead_browser_spoils_the_episode(real):
    env = real("click-test-2", deadline=20.0)
    env.reset(seed=0)
    drivers = subprocess.run(["pgrep", "-g", str(env._process.pid)], capture_output=True, text=True, check=True).stdout.split()
    for pid in drivers:
        if int(pid) != env._process.pid:
            os.kill(int(pid), signal.SIGKILL)
    assert env.step("click('13')")[-1]["valid"] is False
    assert env.reset(seed=0)[1]["valid"]
