"""Inspect, the real package: evaluations with its mock model, from end to end."""

import math

import gymnasium as gym
import pytest

from prm_gym.errors import OptionError, UnknownNameError

inspect_ai = pytest.importorskip("inspect_ai")

from inspect_ai.dataset import Sample  # noqa: E402
from inspect_ai.model import ModelOutput, ModelUsage, get_model  # noqa: E402
from inspect_ai.solver import generate  # noqa: E402

from prm_gym.integrations.inspect_tasks import answer, episodes, outcome, play, right_steps, step_verdicts  # noqa: E402

ENV = "prm_gym/Deduction-v0"
OPTIONS = {"difficulty": 1, "verifiers": ["z3"], "reward": "dense"}


def _model(reply):
    """A mock model that says what a function of the conversation says."""

    def output(messages, tools, choice, config):
        written = ModelOutput.from_content("mockllm/model", reply(messages))
        written.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)  # else Inspect fetches a tokenizer to count them
        return written

    return get_model("mockllm/model", custom_outputs=output, memoize=False)


def _run(task, reply, tmp_path, **options):
    (log,) = inspect_ai.eval(task, model=_model(reply), log_dir=str(tmp_path), display="none", **options)
    assert log.status == "success", log.error
    return log


def _values(log, scorer):
    return [sample.scores[scorer].value for sample in log.samples]


def _proofs(seeds):
    """What a known proof says next, by what is seen first."""
    env, proofs = gym.make(ENV, **OPTIONS), {}
    for seed in seeds:
        seen, _ = env.reset(seed=seed)
        proofs[seen] = env.unwrapped.solution()
    env.close()
    return lambda messages: next(proof for seen, proof in proofs.items() if messages[1].text.startswith(seen))[len(messages) // 2 - 1]


def test_a_model_that_knows_the_proof_earns_the_outcome(tmp_path):
    log = _run(episodes(ENV, seeds=3, env_options=OPTIONS, verifiers="z3"), _proofs(range(3)), tmp_path)
    assert _values(log, "outcome") == [1.0, 1.0, 1.0]
    assert _values(log, "right_steps") == [1.0, 1.0, 1.0]
    metrics = {score.name: score.metrics["mean"].value for score in log.results.scores}
    assert metrics == {"outcome": 1.0, "right_steps": 1.0}
    # The records are those of the same episode played here.
    env = gym.make(ENV, **OPTIONS)
    for seed, sample in enumerate(log.samples):
        _, info = env.reset(seed=seed)
        assert sample.metadata["task_key"] == info["task_key"]
        for record, action in zip(sample.scores["outcome"].metadata["steps"], env.unwrapped.solution(), strict=True):
            state = info["state_key"]
            _, reward, terminated, truncated, info = env.step(action)
            assert (record["action"], record["reward"], record["terminated"], record["truncated"]) == (action, reward, terminated, truncated)
            assert (record["state_key"], record["next_state_key"]) == (state, info["state_key"])
            assert record["verdicts"]["z3"]["score"] == info["verdicts"]["z3"].score
        assert [message.role for message in sample.messages[:3]] == ["system", "user", "assistant"]
    env.close()


def test_one_that_talks_nonsense_earns_nothing(tmp_path):
    log = _run(episodes(ENV, seeds=1, env_options={**OPTIONS, "max_steps": 3}, verifiers="z3"), lambda _: "nonsense", tmp_path)
    assert _values(log, "outcome") == [0.0]
    assert len(log.samples[0].scores["outcome"].metadata["steps"]) == 3
    assert _values(log, "right_steps") == [0.0]  # malformed is judged, and no step


def test_a_limit_of_inspects_is_told(tmp_path):
    log = _run(episodes(ENV, seeds=1, env_options=OPTIONS), lambda _: "nonsense", tmp_path, message_limit=6)
    (score,) = [sample.scores["outcome"] for sample in log.samples]
    assert (score.value, score.explanation) == (0.0, "cut after 2 steps, before the episode ended")


def test_what_nobody_can_tell_is_unscored(tmp_path):
    """Without verifiers nobody judges the steps: NaN, left out of the mean, and not 0."""
    task = inspect_ai.Task(
        dataset=[Sample(input="", metadata={"seed": 0})], solver=play(ENV, {**OPTIONS, "verifiers": [], "max_steps": 1}), scorer=[outcome(), right_steps("z3")]
    )
    log = _run(task, lambda _: "nonsense", tmp_path)
    assert _values(log, "outcome") == [0.0]
    assert math.isnan(_values(log, "right_steps")[0])
    assert "could judge none of the 1 steps" in log.samples[0].scores["right_steps"].explanation


WRITTEN = {
    # 3 * 4 = 12 and 12 + 5 = 17 are true: 1.
    "right": "There are 3 * 4 = 12 pens.\nWith five more, 12 + 5 = 17.\nThe answer is 17.",
    # The second equation is false: the least is 0, the mean of two judged steps 1/2; the third step claims nothing.
    "slip": "There are 3 * 4 = 12 pens.\nWith five more, 12 + 5 = 18.\nThe answer is 18.",
    # Nothing that arithmetic could judge.
    "words": "I think there are a dozen pens.\nThat is all.",
    "empty": "",
    # 200,000 characters are more than is judged: the writer's doing, like a malformed step.
    "endless": "1 + 1 = 2\n" * 20_000,
}


def test_the_steps_of_a_solution_are_judged(tmp_path):
    samples = [Sample(input=name, target="17") for name in WRITTEN]
    scorers = [step_verdicts("arithmetic"), step_verdicts("arithmetic", aggregate="mean"), answer()]
    log = _run(inspect_ai.Task(dataset=samples, solver=generate(), scorer=scorers), lambda messages: WRITTEN[messages[0].text], tmp_path)
    least, mean, right = (_values(log, name) for name in ("step_verdicts", "step_verdicts1", "answer"))
    assert least[:2] == [1.0, 0.0]
    assert mean[:2] == [1.0, 0.5]
    assert all(math.isnan(value) for value in [*least[2:4], *mean[2:4]])
    assert least[4] == mean[4] == right[4] == 0.0
    assert right[:2] == [1.0, 0.0]
    assert right[3] == 0.0  # nothing written is no answer; unscored, a model that says nothing would be left out of the mean
    # In Inspect's mean are those that were scored: (1 + 0 + 0) / 3 and (1 + 1/2 + 0) / 3.
    means = {score.name: score.metrics["mean"].value for score in log.results.scores}
    assert (means["step_verdicts"], means["step_verdicts1"]) == pytest.approx((1 / 3, 0.5))
    verdicts = [step["verdict"]["score"] for step in log.samples[1].scores["step_verdicts"].metadata["steps"]]
    assert verdicts == [1.0, 0.0, None]
    assert "step 1" in log.samples[1].scores["step_verdicts"].explanation


def test_each_message_may_be_a_step(tmp_path):
    task = inspect_ai.Task(dataset=[Sample(input="slip")], solver=[generate(), generate()], scorer=step_verdicts("arithmetic", steps="messages"))
    log = _run(task, lambda messages: "2 + 2 = 4" if len(messages) == 1 else "4 + 4 = 9", tmp_path)
    assert [step["verdict"]["score"] for step in log.samples[0].scores["step_verdicts"].metadata["steps"]] == [1.0, 0.0]


def test_inspect_finds_them_by_name(tmp_path):
    """Through the entry point, as its command line does."""
    (log,) = inspect_ai.eval(
        "prm_gym/episodes",
        task_args={"env_id": ENV, "seeds": 1, "env_options": {**OPTIONS, "max_steps": 1}},
        model=_model(lambda _: "nonsense"),
        log_dir=str(tmp_path),
        display="none",
    )
    assert log.status == "success"
    assert log.samples[0].scores["outcome"].value == 0.0


def test_what_cannot_be():
    with pytest.raises(OptionError, match="aggregate"):
        step_verdicts("arithmetic", aggregate="max")
    with pytest.raises(UnknownNameError, match="arithmetic"):
        step_verdicts("arithmetics")
    with pytest.raises(OptionError, match="it has z3"):
        episodes(ENV, verifiers="z4", env_options=OPTIONS)
    with pytest.raises(OptionError, match="seeds"):
        episodes(ENV, seeds=0)
    with pytest.raises(UnknownNameError, match="Deduction"):
        episodes("prm_gym/Deductoin-v0")


def test_the_page_runs(page):
    page("inspect")
