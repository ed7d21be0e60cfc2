import inspect
import json
import re
from importlib.metadata import EntryPoint, entry_points

import pytest

from prm_gym import cli
from prm_gym.commands.records import print_records
from prm_gym.credit import ASSIGNERS, SIGNALS
from prm_gym.errors import MissingExtraError
from prm_gym.store import read_trajectories
from prm_gym.testing.chat_server import ChatServer
from prm_gym.verifier import VERIFIERS


def _run(capsys, *arguments):
    cli.main(arguments)
    return capsys.readouterr().out


@pytest.mark.parametrize(("command", "expected"), [("envs", "prm_gym/Deduction-v0"), ("envs", "prm_gym/Site-v0"), ("verifiers", "z3"), ("credit", "gigpo")])
def test_lists_name_what_there_is(capsys, command, expected):
    assert expected in _run(capsys, command)
    rows = json.loads(_run(capsys, command, "--json"))
    assert any(expected in row.values() for row in rows)
    assert all(row["summary"] for row in rows)


def test_verifiers_are_listed_with_their_options(capsys):
    rows = {row["name"]: row for row in json.loads(_run(capsys, "verifiers", "--json"))}
    for each in entry_points(group="prm_gym.verifiers"):  # whoever adds an option says what it means; other tests may have registered more
        if each.value.startswith("prm_gym."):
            assert all(option["meaning"] for option in rows[each.name]["options"]), each.name
    of_prm = {option["name"]: option for option in rows["prm"]["options"]}
    assert of_prm["checkpoint"]["default"] == "required"
    assert (of_prm["cached_steps"]["default"], of_prm["cached_steps"]["meaning"]) == ("100000", "whose scores are remembered.")
    assert "separator" in of_prm["..."]["meaning"]  # what is handed on to the family
    assert "concurrency" in {option["name"] for option in rows["judge"]["options"]}  # of its client
    assert "ref" in {option["name"] for option in rows["implicit"]["options"]}  # of a TypedDict
    shown = _run(capsys, "verifiers", "z3", "all")
    assert "        mode='propagate': " in shown
    assert "arithmetic" not in shown
    with pytest.raises(SystemExit) as ended:
        cli.main(["verifiers", "z33"])
    assert ended.value.code == 2
    assert "z3" in capsys.readouterr().err


def test_a_verifier_that_cannot_be_imported_hides_no_other(capsys, monkeypatch):
    broken = EntryPoint("torn", "no_such_module_here:Torn", "prm_gym.verifiers")
    monkeypatch.setattr(VERIFIERS, "_declared", {**VERIFIERS._entry_points(), "torn": broken})
    rows = {row["name"]: row["summary"] for row in json.loads(_run(capsys, "verifiers", "--json"))}
    assert "cannot be imported: No module named 'no_such_module_here'" in rows["torn"]
    assert rows["z3"]
    with pytest.raises(SystemExit):
        cli.main(["verifiers", "torn"])


def test_a_verifier_that_two_packages_declare_hides_no_other(capsys, monkeypatch):
    monkeypatch.setattr(VERIFIERS, "_clashes", {"z3": "Two packages declare the verifier 'z3'"})
    monkeypatch.setattr(VERIFIERS, "_loaded", {})
    rows = {row["name"]: row["summary"] for row in json.loads(_run(capsys, "verifiers", "--json"))}
    assert rows["z3"] == "Two packages declare the verifier 'z3'"
    assert "Two packages" not in rows["arithmetic"]
    with pytest.raises(SystemExit):
        cli.main(["verifiers", "z3"])


def test_a_credit_assigner_that_cannot_be_imported_hides_no_other(capsys, monkeypatch):
    broken = EntryPoint("torn", "no_such_module_here:torn", "prm_gym.credit")
    monkeypatch.setattr(ASSIGNERS, "_declared", {**ASSIGNERS._entry_points(), "torn": broken})
    shown = _run(capsys, "credit")
    assert "cannot be imported: No module named 'no_such_module_here'" in shown
    assert "gigpo" in shown
    with pytest.raises(SystemExit):
        cli.main(["credit", "torn"])


def test_what_a_plug_in_says_does_not_steer_the_terminal(capsys, monkeypatch):
    loud = EntryPoint("loud", "no_such\x1b[2J_module:Loud", "prm_gym.verifiers")
    monkeypatch.setattr(VERIFIERS, "_declared", {**VERIFIERS._entry_points(), "loud": loud})
    with pytest.raises(SystemExit):
        cli.main(["verifiers", "loud"])
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert r"no_such\x1b[2J_module" in said


def test_a_rollout_goes_on_with_what_its_file_holds_and_with_nothing_else(capsys, tmp_path):
    path = tmp_path / "t.jsonl"
    command = ("rollout", "--agent", "scripted", "--attempts", "2", "--env-option", "difficulty=1", "--out", str(path), "--json")
    (first,) = json.loads(_run(capsys, *command, "--tasks", "3"))
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:2]) + "\n")
    assert json.loads(_run(capsys, *command, "--tasks", "3")) == [first]
    assert path.read_text().splitlines()[:2] == lines[:2]
    assert sorted(trajectory.id for trajectory in read_trajectories(path)) == [f"{task}/{attempt}" for task in range(3) for attempt in range(2)]
    for changed in (("--tasks", "2"), ("--tasks", "3", "--agent", "random"), ("--tasks", "3", "--reward", "outcome"), ("--tasks", "3", "--seed", "1")):
        with pytest.raises(SystemExit) as ended:
            cli.main([*command, *changed])
        assert ended.value.code == 2
        assert "another rollout" in capsys.readouterr().err


def test_verifiers_are_named_by_an_option_of_their_own(capsys, tmp_path):
    path = tmp_path / "t.jsonl"
    command = ("rollout", "--env", "prm_gym/Countdown-v0", "--agent", "scripted", "--tasks", "1", "--attempts", "1", "--out", str(path), "--json")
    _run(capsys, *command, "--verifier", "arithmetic", "all(arithmetic, reachable)")
    (trajectory,) = read_trajectories(path)
    assert trajectory.env_options["verifiers"] == ["arithmetic", "all(arithmetic, reachable)"]
    assert {"arithmetic"} < set(trajectory.steps[0].verdicts)
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--verifier", "arithmetic", "--env-option", 'verifiers=["arithmetic"]'])
    assert ended.value.code == 2
    assert "not by both" in capsys.readouterr().err


def test_a_verifier_guides_an_agent(capsys, tmp_path):
    # Among the actions that Deduction lists a random agent is seldom right; z3 knows which inferences hold.
    command = ("rollout", "--env-option", "difficulty=1", "--tasks", "12", "--attempts", "1", "--json")
    path = tmp_path / "t.jsonl"
    (alone,) = json.loads(_run(capsys, *command))
    (guided,) = json.loads(_run(capsys, *command, "--guide", "z3", "--samples", "8", "--out", str(path)))
    assert guided["success"] > alone["success"]
    assert next(iter(read_trajectories(path))).agent.startswith("random+z3:")
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--guide", "z3", "--samples", "4", "--out", str(path)])
    assert ended.value.code == 2
    with pytest.raises(SystemExit):
        cli.main([*command, "--guide", "z3", "--samples", "0"])
    assert "samples is at least 1" in capsys.readouterr().err


def test_a_rollout_plays_again_what_was_spoilt(capsys, tmp_path):
    path = tmp_path / "t.jsonl"
    command = ("rollout", "--agent", "scripted", "--tasks", "3", "--attempts", "1", "--env-option", "difficulty=1", "--out", str(path), "--json")
    _run(capsys, *command)
    first, second, third = path.read_text().splitlines()
    spoilt = json.loads(second) | {"valid": False, "outcome": None}
    path.write_text("\n".join([first, json.dumps(spoilt), third]) + "\n")
    assert json.loads(_run(capsys, *command))[0]["invalid"] == 0
    kept, new, also_kept = path.read_text().splitlines()  # in the order of the episodes
    assert (kept, also_kept) == (first, third)
    # Seconds aside, it is what it was before it was spoilt.
    assert [(step["action"], step["reward"]) for step in json.loads(new)["steps"]] == [(step["action"], step["reward"]) for step in json.loads(second)["steps"]]
    assert (json.loads(new)["id"], json.loads(new)["valid"]) == (json.loads(second)["id"], True)


def test_rollout_says_what_an_agent_has_taken(capsys):
    with ChatServer(lambda body: "1") as server:
        spec = f"openai:m?base_url={server.url}&choose=listed"
        (row,) = json.loads(_run(capsys, "rollout", "--agent", spec, "--tasks", "2", "--attempts", "1", "--env-option", "difficulty=1", "--json"))
        assert row["agent"]["requests"] == row["steps"] == len(server.received)


def test_rollout_says_why_episodes_were_spoilt(capsys):
    spec = "openai:m?base_url=http://127.0.0.1:9/v1&attempts=1"
    with pytest.raises(SystemExit) as ended:
        cli.main(["rollout", "--agent", spec, "--tasks", "2", "--attempts", "1", "--env-option", "difficulty=1", "--json"])
    assert ended.value.code == 1
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["invalid"], row["success"]) == (2, None)
    assert "the endpoint cannot be reached" in row["spoilt by"]


def test_a_rollout_ends_soon_where_nothing_answers(capsys, tmp_path):
    # After the first eight it is clear; 32 of 40 are left. What is spoilt counts for nothing.
    out = tmp_path / "played.jsonl"
    command = ["rollout", "--tasks", "40", "--attempts", "1", "--env-option", "difficulty=1", "--out", str(out), "--json", "--agent"]
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "openai:m?base_url=http://127.0.0.1:9/v1&attempts=1"])
    assert ended.value.code == 1
    said = capsys.readouterr()
    (row,) = json.loads(said.out)
    assert (row["episodes"], row["invalid"], row["success"], row["mean_reward"]) == (8, 8, None, None)
    assert "the first 8 episodes were all spoilt; the other 32 are not tried" in said.err
    # The same command plays them anew when somebody answers.
    with ChatServer(lambda body: "1") as server:
        (row,) = json.loads(_run(capsys, *command, f"openai:m?base_url={server.url}&choose=listed"))
    assert (row["episodes"], row["invalid"]) == (40, 0)
    assert [trajectory.seed for trajectory in read_trajectories(out)] == list(range(40))


def test_the_overview_has_a_line_a_command_and_fits_a_narrow_terminal(capsys):
    shown = _run_ended(capsys, 0, "--help").out
    assert max(map(len, shown.splitlines())) < 80
    assert len(shown.splitlines()) < 40
    names = [line.split()[0] for line in shown.splitlines() if line.startswith("  ")]
    assert len(names) == len(set(names)) == 20
    for name in names:
        assert "--help" in _run_ended(capsys, 0, name, "--help").out
    assert _run_ended(capsys, 2).err == shown
    assert "Did you mean 'train'?" in _run_ended(capsys, 2, "trian", "--seed", "1").err


def _run_ended(capsys, code, *arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == code
    return capsys.readouterr()


def test_rollout_stores_and_rescore_finds_nothing_new_in_it(capsys, tmp_path):
    path = tmp_path / "played.jsonl"
    (played,) = json.loads(_run(capsys, "rollout", "--tasks", "3", "--attempts", "2", "--env-option", "difficulty=1", "--out", str(path), "--json"))
    assert played["episodes"] == 6 == len(list(read_trajectories(path)))
    (rescored,) = json.loads(_run(capsys, "rescore", str(path), "--verifier", "z3", "--json"))
    assert (rescored["trajectories"], rescored["changed"]) == (6, 0)
    # A verifier that was not there before gives one new verdict a step.
    (other,) = json.loads(_run(capsys, "rescore", str(path), "--verifier", "arithmetic", "--json"))
    assert other["changed"] == played["steps"]


def test_play_shows_verdicts_and_ends(capsys, monkeypatch):
    answers = iter(["nonsense", "UNKNOWN"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    shown = _run(capsys, "play", "--env-option", "difficulty=1")
    assert "z3: malformed" in shown
    assert "The episode is over" in shown


def test_play_adds_rewards_up_and_names_the_state(capsys, monkeypatch):
    answers = iter(["nonsense", "UNKNOWN"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    shown = _run(capsys, "play", "--env-option", "difficulty=1", "reward=dense")
    first, second = re.findall(r"reward ([-+.0-9]+), ([-+.0-9]+) in (\d) steps?; state [0-9a-f]{12}\n", shown)
    assert first[0] == first[1]
    assert float(second[1]) == pytest.approx(float(first[0]) + float(second[0]), abs=0.002)
    assert (first[2], second[2]) == ("1", "2")
    assert "\x1b[" not in shown  # it is no terminal


def test_every_command_has_json():
    for group in cli.COMMANDS.values():
        assert all("json" in inspect.signature(command.run).parameters for command in group.values())


def test_play_as_json_is_a_line_a_step(capsys):
    shown = [json.loads(line) for line in _run(capsys, "play", "--env-option", "difficulty=1", "--agent", "scripted", "--json").splitlines()]
    assert [each["step"] for each in shown] == list(range(len(shown)))
    assert shown[0]["instructions"]
    assert shown[0]["observation"] != shown[1]["observation"]
    assert [each["over"] for each in shown[1:]] == [False] * (len(shown) - 2) + [True]
    assert (shown[-1]["outcome"], shown[-1]["total"]) == (1.0, sum(each["reward"] for each in shown[1:]))
    assert all(each["verdicts"]["z3"]["score"] == 1.0 for each in shown[1:])


def test_an_option_named_twice_keeps_both_values(capsys):
    (record,) = json.loads(_run(capsys, "rollout", "--tasks", "1", "--attempts", "1", "--verifier", "z3", "--json", "--verifier=search"))
    assert {name.partition(":")[0] for name in record["verdicts"]} == {"z3", "search"}


def test_of_an_option_with_one_value_the_last_counts(capsys):
    (record,) = json.loads(_run(capsys, "rollout", "--tasks", "1", "--attempts", "1", "--json", "--tasks", "2"))
    assert record["episodes"] == 2


def test_play_takes_calls_of_tools_without_json(capsys, monkeypatch):
    answers = iter(["python", "x = 6", "", "x * 7", ".", "python x + 1", "²", "pythn", "answer 42"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    shown = _run(capsys, "play", "--env", "prm_gym/PythonTool-v0")
    assert "\n42\n" in shown
    assert "\n7\n" in shown
    assert "tool_run: malformed" in shown
    assert "Outcome: 0.0" in shown


def test_play_says_how_calls_are_typed(capsys, monkeypatch):
    answers = iter(["case [[1,2,3],2] [2,6]", ""])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    shown = _run(capsys, "play", "--env", "prm_gym/CodeSteps-v0")
    assert "A call of this tool is: case arguments=... expected=...\n" in shown
    monkeypatch.setattr("builtins.input", lambda _: "")
    shown = _run(capsys, "play", "--env", "prm_gym/PythonTool-v0")
    assert "  python(code, reset?: boolean)\n" in shown
    assert "      code: Python source; what it prints, and the value of a last expression, is shown\n" in shown
    assert "Here a call may be typed without JSON" in shown


def test_the_graph_of_a_tasks_attempts(capsys, tmp_path):
    path = tmp_path / "episodes.jsonl"
    _run(capsys, "rollout", "--env", "prm_gym/Countdown-v0", "--reward", "outcome", "--tasks", "2", "--attempts", "4", "--out", str(path))
    graph = json.loads(_run(capsys, "credit-graph", str(path), "--task", "1", "--credit", "gigpo?gamma=0.9", "--json"))
    assert (graph["tasks"], graph["trajectories"]) == (["1"], 4)
    assert sum(node["starts"] for node in graph["nodes"]) == 4
    assert "attempts: 4" in _run(capsys, "credit-graph", str(path))
    for credit in ("tree_rl", "tree_ps", "slate", "zero_variance|gigpo?gamma=0.9"):  # trees are those that the attempts make
        assert "groups of several visits" in _run(capsys, "credit-graph", str(path), "--credit", credit)
    assert "drawn to" not in _run(capsys, "credit-graph", str(path), "--credit", "vineppo", "--signal", "mc_value:random?k=2")
    with pytest.raises(SystemExit) as ended:
        cli.main(["credit-graph", str(path), "--credit", "gae"])
    assert ended.value.code == 2
    assert "'gae' cannot be shown over these trajectories alone, which lack value. value: of an agent with a critic" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["credit-graph", str(path), "--credit", "vineppo"])
    assert "here --signal mc_value fills it" in capsys.readouterr().err


def test_a_signal_of_the_graph_fills_all_its_columns(capsys, tmp_path):
    # Of an attempt that was cut after two steps nobody knows what the last led to, unless there are values of roll-outs beyond the limit.
    path = tmp_path / "cut.jsonl"
    limits = ("--env-option", "difficulty=2", "--env-option", "max_steps=2")
    _run(
        capsys,
        "rollout",
        "--env",
        "prm_gym/Countdown-v0",
        *limits,
        "--reward",
        "outcome",
        "--agent",
        "random",
        "--tasks",
        "1",
        "--attempts",
        "3",
        "--out",
        str(path),
    )
    attempts = list(read_trajectories(path))
    assert all(attempt.truncated and len(attempt.steps) == 2 for attempt in attempts)
    for signal, unknown in (("mc_value:random?k=1", {1, 3, 5}), ("mc_value:random?k=1&beyond=2", set())):
        graph = json.loads(_run(capsys, "credit-graph", str(path), "--credit", "vineppo?bootstrap=true", "--signal", signal, "--json"))
        assert {row for edge in graph["edges"] if edge["advantage"] is None for row in edge["rows"]} == unknown


def test_doctor_says_what_works(capsys):
    rows = json.loads(_run(capsys, "doctor", "--json"))
    parts = {row["part"] for row in rows}
    assert {"python", "gymnasium", "z3-solver", "torch", "cvc5", "math-verify", "pyarrow", "datasets", "ray", "reasoning-gym", "GPU"} <= parts
    assert {"playwright", "starlette", "uvicorn", "miniwob", "browser", "browser with windows"} <= parts
    assert not {"pytest", "ruff"} & parts
    assert len(parts) == len(rows)
    assert all(row["to get it"] for row in rows if row["state"] == "missing")


def test_a_file_without_a_readable_trajectory_is_no_result(capsys, tmp_path):
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    with pytest.raises(SystemExit) as ended:
        cli.main(["rescore", str(path), "--verifier", "z3"])
    assert (ended.value.code, "no trajectory" in capsys.readouterr().err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "--env", "prm_gym/Deducton-v0"], "prm_gym/Deduction-v0"),
        (["compare", "--credit", "grop", "--budget", "10", "--out", "OUT"], "grpo"),
        (["compare", "--credit", "grpo,gigpo,grpo", "--out", "OUT"], "grpo stands twice in"),
        (["compare", "--credit", "grpo,zero_variance|", "--budget", "10", "--out", "OUT"], "'zero_variance|' has a part without a name"),
        (["compare", "--credit", "grpo,zero_variance|gigpo?gama=0.5", "--budget", "10", "--out", "OUT"], "Did you mean 'gamma'"),
        (["compare", "--credit", "zero_variance", "--budget", "10", "--out", "OUT"], "put it into a pipeline with an assigner: 'zero_variance|grpo'"),
        (["credit", "zero_variance?of=foo"], "of must be one of 'rewards', 'outcomes', got 'foo'"),
        (["credit", "zero_variance?of=outcome|grpo"], "Did you mean 'outcomes'"),
        (["compare", "--credit", "grpo,zero_variance?of=foo|gigpo", "--budget", "10", "--out", "OUT"], "of must be one of 'rewards', 'outcomes'"),
        (["compare", "--reward", "dense?verifier=all(z3", "--out", "OUT"], "the brackets do not match"),
        (["rollout", "--agent", "randon"], "random"),
        (["rollout", "--seed", "-3"], "from 0 on, got -3"),
        (["play", "--seed", "-3"], "from 0 on, got -3"),
        (["rollout", "--reward", "dens"], "dense"),
        (["rollout", "--env-option", "dificulty=2"], "difficulty"),
        (["rollout", "--env-option", "difficulty"], "NAME=VALUE"),
        (["rescore", "nowhere.jsonl", "--verifier", "z3"], "nowhere.jsonl"),
        (["compare", "--agent", "random"], "'random' cannot be trained"),
        (["compare", "--verifier", "z33", "--budget", "10", "--out", "OUT"], "z3"),
    ],
)
def test_what_cannot_be_honoured_says_the_near_miss_and_exits_with_2(capsys, tmp_path, arguments, message):
    with pytest.raises(SystemExit) as ended:
        cli.main([str(tmp_path) if argument == "OUT" else argument for argument in arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_credit_is_listed_with_transforms_and_how_sure_it_is(capsys):
    rows = {row["name"]: row for row in json.loads(_run(capsys, "credit", "--json"))}
    for group in ("prm_gym.credit", "prm_gym.credit_transforms"):
        for each in entry_points(group=group):  # whoever adds one says how sure its formula is; other tests may have registered more
            if each.value.startswith("prm_gym."):
                assert rows[each.name]["confidence"] in ("high", "medium", "low"), each.name
    assert (rows["grpo"]["kind"], rows["grpo"]["confidence"], rows["grpo"]["reading"]) == ("credit assigner", "high", False)
    assert (rows["aem"]["kind"], rows["aem"]["needs"], rows["aem"]["reading"]) == ("credit transform", ["entropy"], True)
    assert rows["prof"]["kind"] == "trajectory filter"
    shown = _run(capsys, "credit")
    assert "  salt  [medium, a reading]" in shown
    assert shown.index("Credit assigners") < shown.index("  grpo  [high]") < shown.index("Credit transforms") < shown.index("  aem  [")
    one = _run(capsys, "credit", "aem")
    assert "alpha_i A_{i,t}" in one
    assert "entropy: of an agent" in one
    assert "gigpo" not in one


def test_credit_shows_a_pipeline_with_its_options_as_set(capsys):
    shown = _run(capsys, "credit", "zero_variance|gigpo?gamma=0.9")
    assert shown.index("1. zero_variance  [high], a trajectory filter") < shown.index("2. gigpo  [high], a credit assigner")
    assert "gamma=0.9 (default 0.95), step_weight=1.0," in shown
    assert "Together they need state_key." in shown
    (row,) = json.loads(_run(capsys, "credit", "zero_variance|gigpo?gamma=0.9", "--json"))
    assert (row["kind"], row["needs"], [part["kind"] for part in row["parts"]]) == ("pipeline", ["state_key"], ["trajectory filter", "credit assigner"])
    gamma, weight = row["parts"][1]["options"][:2]
    assert (gamma["default"], gamma["set"], gamma["meaning"]) == ("0.95", 0.9, "discount of the step term, in [0, 1].")
    assert "set" not in weight
    assert "set: strength=0.5 (default 1.0)" in _run(capsys, "credit", "aem?strength=0.5")


def test_a_signal_whose_package_is_missing_is_still_listed(capsys, monkeypatch):
    def load(name):
        raise MissingExtraError("torch", "torch")

    monkeypatch.setattr(SIGNALS, "load", load)
    rows = {row["name"]: row for row in json.loads(_run(capsys, "credit", "--json"))}
    for name in SIGNALS.names():
        assert rows[name]["summary"] == f"Fills the column {name}."
        assert "prm-gym[torch]" in rows[name]["reason"]


def test_credit_shows_learned_signals_with_their_options(capsys):
    listed = _run(capsys, "credit")
    assert "  mc_value\n    Fills the column mc_value.\n    needed by: math_shepherd, omega_prm, vineppo, vsrm\n" in listed
    rows = {row["name"]: row for row in json.loads(_run(capsys, "credit", "--json"))}
    for name in ("mc_value", "implicit_reward", "progress"):
        assert rows[name]["kind"] == "learned signal"
        assert rows[name]["options"] is not None or rows[name]["reason"]  # without torch nothing can be said, and it says so
    pytest.importorskip("torch")
    assert all(option["meaning"] for name in ("mc_value", "implicit_reward", "progress") for option in rows[name]["options"])
    shown = _run(capsys, "credit", "mc_value:random?k=3")
    assert "set: agent='random' (default ''), k=3 (default 9)" in shown
    assert "k=9: roll-outs of a state, >= 1." in shown
    assert "A run takes its column, then fits it to the batch." in _run(capsys, "credit", "progress")
    for wrong, message in (
        ("mc_value?kk=2", "named 'kk'. Did you mean 'k'?"),
        ("mc_value?k=x", "is a whole number, got 'x'"),
        ("progress:x", "takes no argument"),
    ):
        _refused(capsys, wrong, message)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("aemm", "Did you mean 'aem'"),
        ("progess", "Did you mean 'progress'"),
        ("gigpo?gama=0.9", "has no option 'gama'. Did you mean 'gamma'?"),
        ("aem?strenght=2", "Did you mean 'strength'"),
        ("zero_variance|gigpo?gama=0.9", "Did you mean 'gamma'"),
        ("zero_varianc|gigpo", "Did you mean 'zero_variance'"),
        ("aem|grpo", "put it after 'grpo'"),
        ("gigpo?gamma=half", "gamma of the credit assigner 'gigpo' is a number, got 'half'"),
    ],
)
def test_credit_refuses_what_is_not_there(capsys, wrong, message):
    _refused(capsys, wrong, message)


def _refused(capsys, name, message):
    with pytest.raises(SystemExit) as ended:
        cli.main(["credit", name])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_names_of_stored_files_do_not_steer_the_terminal(capsys):
    print_records([{"name": "a\x1b]0;owned\x07", "agents": {"b\x1b[2J\u202e": 1}, "lines": ["c\nd\u00e9"]}], False)
    assert capsys.readouterr().out == "a\\x1b]0;owned\\x07\n    agents: b\\x1b[2J\\u202e 1\n    lines: c\nd\u00e9\n"
