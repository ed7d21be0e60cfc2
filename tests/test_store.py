import gc
import json
import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import gymnasium as gym
import msgspec
import numpy as np
import pytest

from prm_gym import Step, Task, Trajectory
from prm_gym.agent import make_agent
from prm_gym.claims import Claim, Decision, Equality, ForeignClaim, Malformed, Reachable, Statement, claim_from_json
from prm_gym.errors import DuplicateNameError, StoreError
from prm_gym.registration import ENVIRONMENTS
from prm_gym.rollout import Rollouts, groups
from prm_gym.store import BrokenLine, TrajectoryWriter, read_trajectories, write_json
from prm_gym.verdict import abstained, judged

CLAIMS = (
    Equality("1/3", "2/6"),
    Reachable(("8/3", "3"), "24"),
    Decision("DISPROVED", "¬{A}{a}", (Statement("fact1", "(x): {A}x"), Statement("int1", "{A}{a}", ("fact1",)))),
    Malformed("no step"),
)


def _trajectory(name="g/0", **changes):
    steps = (
        Step(
            index=0,
            observation="∀ 👩\u200d🔬\u2028\u2029\n\0",
            action='a "quoted"\\ line\r\n',
            state_key="s",
            next_state_key="t",
            reward=-0.1,
            actions=("a", "b"),
            claims=CLAIMS,
            verdicts={"v": judged("incorrect", 0.0, "why", model={"x": [1, None, True, 0.5, "é"]}), "w": abstained("who knows")},
            token_ids=(1, 2),
            logprobs=(-0.1, -1e-300),
        ),
        Step(index=1, observation="o", action="", state_key="t", next_state_key="u", reward=0.1 + 0.2, truncated=True, parent="g/0/0"),
    )
    fields = {
        "id": name,
        "group_id": "g",
        "task": Task(key="k", instructions="i", question="q", sealed={"answer": [1, {"b": None}]}, metadata={"rank": 3}),
        "seed": 2**62,
        "env_id": "prm_gym/Countdown-v0",
        "env_options": {"difficulty": 3},
        "agent": "random",
        "outcome": None,
        "valid": False,
        "steps": steps,
        "library_version": "0.1.0",
    }
    return Trajectory(**{**fields, **changes})


def _write(path, *trajectories):
    with TrajectoryWriter(path) as writer:
        return writer.write(trajectories)


def test_a_trajectory_comes_back_as_it_was(tmp_path):
    path = tmp_path / "deep" / "folder" / "t.jsonl"
    written = [_trajectory(), _trajectory("g/1", outcome=1.0, valid=True, steps=(), seed=None)]
    assert _write(path, *written) == 2
    read = list(read_trajectories(path))
    assert read == written
    assert read[0].steps[0].claims == CLAIMS
    assert read[0].steps[1].reward == 0.1 + 0.2  # to the last bit
    assert path.read_bytes().count(b"\n") == 2  # one line each, whatever the texts hold


def test_timings_are_kept(tmp_path):
    slow = msgspec.structs.replace(judged("correct", 1.0, ""), run_seconds=1.5, queued_seconds=0.5)
    _write(tmp_path / "t", _trajectory(steps=(msgspec.structs.replace(_trajectory().steps[1], verdicts={"v": slow}),)))
    verdict = next(read_trajectories(tmp_path / "t")).steps[0].verdicts["v"]
    assert (verdict.run_seconds, verdict.queued_seconds) == (1.5, 0.5)


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_what_is_played_comes_back_as_it_was(tmp_path, env_id):
    rollouts = Rollouts(env_id, {"reward": "dense"}, num_envs=2)
    lists_actions = bool(gym.make(env_id, verifiers=[]).reset(seed=0)[1]["actions"])
    agent = make_agent("random", seed=1) if lists_actions else make_agent("constant:2 + 2 = 5")
    played = rollouts.play(agent, groups([1, 2, 3], 2)) + rollouts.play(make_agent("scripted"), groups([4, 5], 1))
    rollouts.close()
    _write(tmp_path / "t.jsonl", *played)
    assert list(read_trajectories(str(tmp_path / "t.jsonl"))) == played


def test_appending(tmp_path):
    path = tmp_path / "t.jsonl"
    for name in "abc":
        _write(path, _trajectory(name))
    assert [trajectory.id for trajectory in read_trajectories(path)] == ["a", "b", "c"]
    assert path.read_bytes().count(b"\n") == 3


def test_every_trajectory_is_on_disk_before_the_next(tmp_path):
    path = tmp_path / "t.jsonl"
    seen = []

    def stream():
        for name in "abc":
            yield _trajectory(name)
            seen.append([trajectory.id for trajectory in read_trajectories(path)])

    with TrajectoryWriter(path) as writer:
        assert writer.write(stream()) == 3
    assert seen == [["a"], ["a", "b"], ["a", "b", "c"]]


def test_a_torn_last_line_is_named_and_costs_only_itself(tmp_path):
    path = tmp_path / "t.jsonl"
    _write(path, _trajectory("a"), _trajectory("b"))
    whole = path.read_bytes()
    for cut in (1, 50, len(whole) // 2 - 10):
        path.write_bytes(whole[:-cut])
        if cut == 1:  # only the line break is missing
            assert [trajectory.id for trajectory in read_trajectories(path)] == ["a", "b"]
            continue
        with pytest.warns(BrokenLine, match=rf"{path}, line 2: ") as caught:
            assert [trajectory.id for trajectory in read_trajectories(path)] == ["a"]
        assert len(caught) == 1


@pytest.mark.parametrize("cut", [1, 40])
def test_writing_goes_on_after_a_torn_line(tmp_path, cut):
    path = tmp_path / "t.jsonl"
    _write(path, _trajectory("a"), _trajectory("b"))
    os.truncate(path, path.stat().st_size - cut)
    _write(path, _trajectory("c"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read = [trajectory.id for trajectory in read_trajectories(path)]
    # Without its line break alone, the torn line is whole again.
    assert read == (["a", "b", "c"] if cut == 1 else ["a", "c"])
    assert [str(warning.message).split(":")[0] for warning in caught] == ([] if cut == 1 else [f"{path}, line 2"])


def test_broken_lines_are_named_and_the_rest_is_read(tmp_path):
    path = tmp_path / "t.jsonl"
    _write(path, _trajectory("a"))
    good = path.read_bytes()
    fields = json.loads(good)
    unknown_status = json.loads(good)
    unknown_status["steps"][0]["verdicts"]["v"]["status"] = "fine"
    bad = [
        b"nonsense",
        b"{}",
        b"[]",
        b"\xff\xfe",
        json.dumps({**fields, "steps": 3}).encode(),
        json.dumps({**fields, "steps": [{**fields["steps"][0], "claims": [{"type": "equality", "left": 1, "right": "1"}]}]}).encode(),
        json.dumps({**fields, "steps": [{**fields["steps"][0], "claims": [3]}]}).encode(),
        json.dumps(unknown_status).encode(),
    ]
    path.write_bytes(b"\n".join([*bad, b"", b"  ", good.strip(), b""]))
    with pytest.warns(BrokenLine) as caught:
        assert [trajectory.id for trajectory in read_trajectories(path)] == ["a"]
    assert [str(warning.message).split(":")[0] for warning in caught] == [f"{path}, line {number}" for number in range(1, len(bad) + 1)]


def test_a_claim_of_a_type_that_is_not_imported_is_kept(tmp_path):
    path = tmp_path / "t.jsonl"
    _write(path, _trajectory("a"))
    fields = json.loads(path.read_bytes())
    fields["steps"][0]["claims"] = [{"type": "not_imported_here", "url": "http://x", "depth": 3}, {"type": "malformed", "reason": "r"}]
    path.write_text(json.dumps(fields) + "\n")
    kept = ForeignClaim("not_imported_here", {"url": "http://x", "depth": 3})
    first = next(read_trajectories(path))
    assert first.steps[0].claims == (kept, Malformed("r"))
    # It is written and read again without loss.
    _write(tmp_path / "again", first)
    assert next(read_trajectories(tmp_path / "again")) == first


def test_a_kept_claim_is_itself_again_once_its_type_is_imported(tmp_path):
    path = tmp_path / "t.jsonl"
    _write(path, _trajectory(steps=(msgspec.structs.replace(_trajectory().steps[1], claims=(ForeignClaim("test_store.late", {"size": 3}),)),)))

    class Late(Claim, msgspec.Struct, frozen=True, tag="test_store.late"):
        size: int

    assert next(read_trajectories(path)).steps[0].claims == (Late(3),)


def test_a_claim_type_of_ones_own(tmp_path):
    class Mine(Claim, msgspec.Struct, frozen=True, tag="test_store.mine"):
        size: int
        parts: tuple[Statement, ...] = ()

    step = msgspec.structs.replace(_trajectory().steps[1], claims=(Mine(3, (Statement("l", "f", ("c",)),)),))
    _write(tmp_path / "t", _trajectory(steps=(step,)))
    assert next(read_trajectories(tmp_path / "t")).steps == (step,)


def test_two_claim_types_with_one_tag_are_told():
    class Other(Claim, msgspec.Struct, frozen=True, tag="equality"):
        size: int

    try:
        with pytest.raises(DuplicateNameError, match="have one tag, 'equality'"):
            claim_from_json({"type": "malformed", "reason": "r"})
    finally:
        del Other
        gc.collect()  # a class goes with the next collection
    assert claim_from_json({"type": "malformed", "reason": "r"}) == Malformed("r")


@pytest.mark.parametrize("value", [object(), np.zeros(2), {1, 2j}])
def test_what_cannot_be_written_is_named_and_writes_nothing(tmp_path, value):
    path = tmp_path / "t.jsonl"
    task = msgspec.structs.replace(_trajectory().task, metadata={"x": value})
    with TrajectoryWriter(path) as writer:
        writer.write([_trajectory("a")])
        with pytest.raises(StoreError, match="trajectory 'b' cannot be written as JSON"):
            writer.write([_trajectory("b", task=task)])
        writer.write([_trajectory("c")])
    assert [trajectory.id for trajectory in read_trajectories(path)] == ["a", "c"]


def test_a_lone_surrogate_cannot_be_written(tmp_path):
    with TrajectoryWriter(tmp_path / "t") as writer, pytest.raises(StoreError, match="'b' cannot be written"):
        writer.write([_trajectory("b", agent="\ud800")])


def test_a_missing_file(tmp_path):
    with pytest.raises(StoreError, match=r"there is no trajectory file .*nowhere"):
        list(read_trajectories(tmp_path / "nowhere"))
    (tmp_path / "empty").touch()
    assert list(read_trajectories(tmp_path / "empty")) == []


def test_reading_is_lazy(tmp_path):
    path = tmp_path / "t.jsonl"
    _write(path, _trajectory("a"))
    with path.open("ab") as file:
        file.write(b"broken\n")
    assert next(read_trajectories(path)).id == "a"  # the broken line is not reached, nothing warns


def test_records_are_written_in_one_step(tmp_path):
    path = tmp_path / "sub" / "r.json"
    write_json(path, {"b": 1, "a": _trajectory().task})
    assert json.loads(path.read_text())["a"]["key"] == "k"
    write_json(str(path), {"new": 2})
    assert json.loads(path.read_text()) == {"new": 2}
    with pytest.raises(TypeError):
        write_json(path, object())
    # What was there stays, and nothing else lies about.
    assert json.loads(path.read_text()) == {"new": 2}
    assert [file.name for file in path.parent.iterdir()] == ["r.json"]


def test_several_may_write_one_file_at_once(tmp_path):
    # Each has a temporary file of its own, so none takes another's away, and what stands there in the end is one of theirs, whole.
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda value: write_json(tmp_path / "one.json", [value] * 1000), range(60)))
    assert len(set(json.loads((tmp_path / "one.json").read_text()))) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["one.json"]


def test_a_line_that_breaks_a_contract_is_a_broken_line_like_any_other(tmp_path):
    # A score of 2 is no probability, which the verdict itself says; such a line used to end the reading of the whole file. Deep nesting likewise.
    path = tmp_path / "t.jsonl"
    good = msgspec.json.encode(_trajectory())
    wrong = good.replace(b'"score":0.0', b'"score":2.0', 1)
    assert wrong != good
    deep = b'{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    path.write_bytes(b"\n".join((good, wrong, deep, good)) + b"\n")
    with pytest.warns(BrokenLine) as caught:
        assert len(list(read_trajectories(path))) == 2
    assert [str(each.message).partition(": ")[0] for each in caught] == [f"{path}, line 2", f"{path}, line 3"]
