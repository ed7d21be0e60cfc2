import json

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("tokenizers")

from prm_gym.agent import Action, Preference, Prompt, make_agent  # noqa: E402
from prm_gym.agents.causal_lm import CausalLMPolicy, checkpoint  # noqa: E402
from prm_gym.credit import Credit, StepBatch, assign  # noqa: E402
from prm_gym.errors import CheckpointError, ContractError, OptionError  # noqa: E402
from prm_gym.rollout import Rollouts, groups  # noqa: E402
from prm_gym.verifier import PastStep  # noqa: E402

TINY = {"width": 16, "layers": 1, "heads": 2, "device": "cpu"}
COUNTDOWN = "prm_gym/Countdown-v0"


def policy(**options):
    return CausalLMPolicy(**{**TINY, **options})


def played(agent, tasks=3, attempts=2, **options):
    rollouts = Rollouts(COUNTDOWN, {"verifiers": [], "reward": "outcome", "difficulty": 1, "max_steps": 4, **options}, num_envs=4)
    try:
        return rollouts.play(agent, groups(range(tasks), attempts))
    finally:
        rollouts.close()


def said(agent, sequence):
    """Log-probability of each token of each action by one forward over the sequence, among the tokens that it was chosen from."""
    with torch.no_grad():
        logits = agent.model(input_ids=torch.tensor([sequence.ids])).logits[0].double() / agent.acting.temperature
    for at, span in enumerate(sequence.actions):
        choices = sequence.choices[at] if sequence.choices else None
        found = []
        for place in range(span.start, span.stop):
            among = list(range(logits.shape[1])) if choices is None else list(choices[place - span.start])
            scores = torch.log_softmax(logits[place - 1][among], dim=0)
            found.append(scores[among.index(sequence.ids[place])].item())
        yield span, found


@pytest.mark.parametrize(
    "options",
    [
        {"choose": "listed"},
        {"choose": "free", "temperature": 1.3},
        {"choose": "free", "history": 1},
        {"choose": "listed", "history": 0, "instructions": False},
        {"choose": "free", "context": 520},  # in bytes: instructions of about 400, so that only some steps fit
    ],
    ids=["listed", "free", "one step of history", "no history", "the context overflows"],
)
def test_what_is_rebuilt_for_training_is_what_was_sampled_from(options):
    agent = policy(max_new_tokens=10, **options)
    batch = StepBatch.from_trajectories(played(agent))
    sequences = agent.sequences(batch)
    assert sorted(span.row for sequence in sequences for span in sequence.actions) == list(range(batch.rewards.size))
    for sequence in sequences:
        for (span, expected), given in zip(said(agent, sequence), sequence.logprobs, strict=True):
            assert sequence.ids[span.start : span.stop] == batch.steps[span.row].token_ids
            assert given == pytest.approx(expected, abs=1e-4)
    if "history" not in options and "context" not in options:
        assert len(sequences) == 6  # an episode each
    if "context" in options:
        assert agent.contexts.shortened > 0
        assert any("left out" in agent.tokenizer.decode(sequence.ids) for sequence in sequences)
        assert all(len(sequence.ids) <= 520 for sequence in sequences)
    if "history" in options:  # what is not shown by choice is not spoken of: it would cost its tokens at every step
        assert not any("left out" in agent.tokenizer.decode(sequence.ids) for sequence in sequences)
    if options.get("history") == 0:
        assert len(sequences) == batch.rewards.size


def test_an_episode_is_read_once():
    agent = policy(choose="listed")
    batch = StepBatch.from_trajectories(played(agent, attempts=1))
    # Every token of an episode at the most once, but for the nodes of lists: no more than the tokens of all listed actions.
    listed = sum(len(agent.turns.action(text)) for step in batch.steps for text in step.actions)
    whole = sum(len(sequence.ids) for sequence in agent.sequences(batch))
    assert agent.generator.read <= whole + listed + 24


def test_a_seed_decides_alone_and_in_any_batch():
    agent = policy(max_new_tokens=6, choose="auto")
    prompts = [Prompt(instructions="", observation=f"where? {seed % 3}", actions=("left", "right", "up")[: seed % 4], seed=seed) for seed in range(16)]
    together = [action.text for action in agent.act(prompts)]
    assert [agent.act([prompt])[0].text for prompt in prompts] == together
    assert [action.text for action in agent.act(prompts[::-1])][::-1] == together
    assert len(set(together)) > 5
    greedy = agent.greedy()
    assert greedy.id == "causal-lm:greedy"
    assert [action.text for action in greedy.act(prompts)] == [action.text for action in greedy.act(prompts)]


def test_free_text_that_is_cut_off_is_marked():
    agent = policy(choose="free", max_new_tokens=3)
    actions = agent.act([Prompt(instructions="", observation="x", seed=seed) for seed in range(8)])
    assert all(agent.cut_off(action) == (action.token_ids[-1] not in agent.turns.ends) for action in actions)
    assert agent.counters.cut_off >= 6  # a random model ends an action at once in one of 259 tokens
    assert all(len(action.token_ids) <= 3 for action in actions)


def test_a_prompt_that_does_not_fit_ends_nothing_but_its_own_chance():
    agent = policy(context=100, max_new_tokens=10)
    long = Prompt(instructions="x" * 100, observation="y" * 100)
    listed = Prompt(instructions="x" * 40, observation="y" * 40, actions=("z" * 20, "a"))  # 40 + 2 + 40 bytes and the frame, and no room for 20
    short = Prompt(instructions="", observation="y", seed=3)
    actions = agent.act([long, short, listed])
    assert [actions[0], actions[2]] == [Action(text="")] * 2
    # Alone, and behind what is kept of the episode, the model multiplies in another order: the same draws, and log-probabilities to rounding (in float32, of
    # 6 nats, some 1e-6).
    again = agent.act([short])[0]
    assert (actions[1].text, actions[1].token_ids, actions[1].policy_version) == (again.text, again.token_ids, again.policy_version)
    assert actions[1].logprobs == pytest.approx(again.logprobs, abs=1e-5)
    assert agent.report() == {"actions": 4.0, "cut_off": agent.counters.cut_off, "shortened": 0.0, "overflowed": 2.0}
    with pytest.raises(ContractError, match="lists its admissible actions"):
        policy(choose="listed").act([Prompt(instructions="", observation="")])


def test_what_was_not_read_is_not_learnt_from_and_the_rest_is():
    # Three steps of an episode, the second of which shows 300 bytes to a policy of 120; and a fourth whose action is too long.
    agent = policy(context=120, max_new_tokens=20, instructions=False, choose="free")
    episode = played(make_agent("scripted"), tasks=1, attempts=1)[0]
    shown = [("a", "go"), ("y" * 300, ""), ("b", "on"), ("c", "z" * 130)]
    steps = [msgspec.structs.replace(episode.steps[0], index=at, observation=see, action=do, actions=()) for at, (see, do) in enumerate(shown)]
    batch = StepBatch.from_trajectories([msgspec.structs.replace(episode, steps=tuple(steps))])
    sequences = agent.sequences(batch)
    assert [span.row for sequence in sequences for span in sequence.actions] == [0, 2]
    assert agent.tokenizer.decode(sequences[1].ids) == "<|see|>(2 earlier steps are left out.)\n\nb<|act|>on<|end|>"
    history = tuple(PastStep(see, do) for see, do in shown[:2])
    assert agent.contexts.context(Prompt(instructions="", observation="b", history=history)) == list(sequences[1].ids[:-3])  # "on" and the end
    assert agent.imitate(batch)["overflowed"] == 0.5
    metrics = agent.update(batch, Credit(advantages=np.array([1.0, 9.0, -1.0, 9.0]), returns=np.zeros(4), keep=np.ones(4, dtype=bool), diagnostics={}))
    assert (metrics["overflowed"], metrics["steps"]) == (0.5, 2.0)
    prompt = Prompt(instructions="", observation="y" * 300)
    pairs = [Preference(prompt=prompt, chosen=Action(text="a"), rejected=Action(text="b"))]
    assert agent.prefer(pairs) == {"overflowed": 1.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widht": 3}, "Did you mean 'width'"),
        ({"width": 18, "heads": 4}, "multiple of twice"),
        ({"temperature": 0.0}, "take greedy"),
        ({"top_p": 0.0}, "top_p"),
        ({"choose": "some"}, "choose"),
        ({"history": -1}, "history"),
        ({"choose": "listed", "thinking": True}, "thinking"),
        ({"max_new_tokens": 3000}, "needs room"),
        ({"learning": {"learning_rat": 1}}, "Did you mean 'learning_rate'"),
        ({"width": "16"}, "int"),
    ],
)
def test_options_that_cannot_be_honoured(options, message):
    with pytest.raises(OptionError, match=message):
        policy(**options)
    with pytest.raises(CheckpointError, match="no folder"):
        make_agent("causal-lm:./nowhere")


def test_a_tokenizer_that_has_learnt_from_an_environment_is_shorter():
    bytes_, learnt = policy(), policy(texts=COUNTDOWN, vocabulary=400)
    text = "Make the target from the numbers with + - * /."
    assert len(bytes_.turns.action(text)) == len(text) + 1  # a token a byte, and the end
    assert len(learnt.turns.action(text)) < len(text) / 3
    assert learnt.turns.text(learnt.turns.action("6 * 7 = 42 ¬{A}")) == "6 * 7 = 42 ¬{A}"
    assert learnt.model.get_input_embeddings().weight.shape[0] == 400


def _state(agent):
    return {name: value.clone() for name, value in agent.model.state_dict().items()}


def test_thoughts_are_tokens_and_no_text():
    agent = policy(thinking=True)
    ids = agent.turns.action("what about 2?\n</think>\n\n2 + 2 = 4")
    assert agent.turns.text(ids) == "2 + 2 = 4"
    assert agent.turns.text(ids[:9]) == ""  # cut off in the middle of its thoughts
    assert agent.turns.text(agent.turns.action("2 + 2 = 4")) == "2 + 2 = 4"  # came to its end without any


def test_a_history_that_nobody_remembers_is_read_as_text():
    agent = policy(choose="free", max_new_tokens=4)
    history = (PastStep("a", "left"), PastStep("b", "right"))
    prompt = Prompt(instructions="go", observation="c", history=history, episode="other")
    ids = agent.contexts.context(prompt)
    turns = agent.turns
    assert tuple(ids) == turns.opening("go", "a") + turns.action("left") + turns.later("b", turns.action("left")) + turns.action("right") + turns.later(
        "c", turns.action("right")
    )
    assert agent.tokenizer.decode(ids) == "<|see|>go\n\na<|act|>left<|end|><|see|>b<|act|>right<|end|><|see|>c<|act|>"


def test_saved_and_put_back_everything_goes_on_as_it_was(tmp_path):
    agent = policy(seed=1, texts=COUNTDOWN, vocabulary=300)
    credit_of(agent)
    agent.save(tmp_path)
    following = [credit_of(agent) for _ in range(2)]
    other = policy(seed=2, vocabulary=300, texts=COUNTDOWN)
    other.load(tmp_path)
    assert [credit_of(other) for _ in range(2)] == following
    assert all(torch.equal(one, two) for one, two in zip(_state(agent).values(), _state(other).values(), strict=True))
    # The same folder as a model: Hugging Face's own loader gives the weights of the checkpoint, and the tokenizer is the learnt one.
    again = CausalLMPolicy(str(tmp_path), device="cpu")
    saved = policy(seed=3, vocabulary=300, texts=COUNTDOWN)
    saved.load(tmp_path)
    assert all(torch.equal(one, two) for one, two in zip(_state(again).values(), _state(saved).values(), strict=True))
    assert again.turns.action("6 * 7 = 42") == agent.turns.action("6 * 7 = 42")
    # And as an agent: everything, its options among them, with others over these.
    named = make_agent(str(tmp_path), device="cpu", learning={"entropy_weight": 0.25})
    assert named.options == {**agent.options, "learning": {"entropy_weight": 0.25}}
    assert named.learner.steps == 1
    assert all(torch.equal(one, two) for one, two in zip(_state(named).values(), _state(saved).values(), strict=True))


def credit_of(agent):
    """The actions of some episodes, and what an update on them says."""
    batch = StepBatch.from_trajectories(played(agent))
    credit = assign("grpo", batch)
    advantages = np.random.default_rng(0).standard_normal(batch.rewards.size)  # whatever the outcomes were
    metrics = agent.update(batch, Credit(advantages=advantages, returns=credit.returns, keep=np.ones_like(credit.keep), diagnostics={}))
    return [step.action for step in batch.steps], metrics


def test_a_checkpoint_is_whole_at_any_moment(tmp_path, monkeypatch):
    agent = policy(seed=1)
    credit_of(agent)
    agent.save(tmp_path)
    before = _state(agent)
    credit_of(agent)
    write = checkpoint.write_tensors

    def dies(path, *rest):  # as a process that is killed when all but the weights is written
        if path.name == "model.safetensors":
            raise KeyboardInterrupt
        write(path, *rest)

    monkeypatch.setattr(checkpoint, "write_tensors", dies)
    with pytest.raises(KeyboardInterrupt):
        agent.save(tmp_path)
    monkeypatch.undo()
    other = policy(seed=2)
    other.load(tmp_path)
    assert all(torch.equal(value, before[name]) for name, value in _state(other).items())
    assert other.learner.steps == 1
    agent.save(tmp_path)
    assert len(list(tmp_path.glob("learner-*"))) == 1  # those of broken attempts are gone
    assert not list(tmp_path.glob("*.tmp"))


def test_checkpoints_that_do_not_fit_are_refused(tmp_path):
    policy().save(tmp_path / "good")
    with pytest.raises(CheckpointError, match="of another model"):
        policy(width=32).load(tmp_path / "good")
    with pytest.raises(CheckpointError, match=r"holds no model\.safetensors"):
        policy().load(tmp_path)
    with pytest.raises(CheckpointError, match=r"holds no adapter_model\.safetensors"):
        policy(lora=2).load(tmp_path / "good")
    path = tmp_path / "good" / "model.safetensors"
    tensors, header = checkpoint.read_tensors(path)
    said = json.loads(header["prm_gym"])
    checkpoint.write_tensors(path, tensors, {**header, "prm_gym": json.dumps({**said, "format": 99, "version": "7.1"})})
    with pytest.raises(CheckpointError, match=r"prm_gym 7\.1 in the format 99"):
        policy().load(tmp_path / "good")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be read"):
        policy().load(tmp_path / "good")


def test_adapters_alone_are_trained_and_saved(tmp_path):
    pytest.importorskip("peft")
    agent = policy(lora=2)
    base = {name: value for name, value in _state(agent).items() if "lora" not in name}
    assert agent._learning.learning_rate == 1e-4
    credit_of(agent)
    assert all(torch.equal(value, base[name]) for name, value in _state(agent).items() if name in base)
    agent.save(tmp_path)
    other = policy(lora=2)
    other.load(tmp_path)
    assert all(torch.equal(one, two) for one, two in zip(_state(agent).values(), _state(other).values(), strict=True))
    assert (tmp_path / "adapter_config.json").is_file()


def test_demonstrations_are_learnt_and_preferences_followed():
    agent = policy(seed=0, width=32, max_new_tokens=12, imitation_epochs=40, learning={"learning_rate": 3e-3, "keep_reference": True})
    prompt = Prompt(instructions="", observation="which way?")
    right, wrong = Action(text="go left"), Action(text="go right")
    episode = played(make_agent("scripted"), tasks=1, attempts=1)[0]
    step = msgspec.structs.replace(episode.steps[0], observation="which way?", action="go left", actions=(), terminated=True)
    task = msgspec.structs.replace(episode.task, instructions="")
    batch = StepBatch.from_trajectories([msgspec.structs.replace(episode, steps=(step,), task=task)])
    agent.imitate(batch)
    assert agent.greedy().act([prompt])[0].text == "go left"
    choice = msgspec.structs.replace(prompt, actions=("go left", "go right"))
    assert agent.greedy().act([choice])[0].text == "go left"
    for _ in range(20):
        metrics = agent.prefer([Preference(prompt=prompt, chosen=wrong, rejected=right)])
    assert metrics["right"] == 1.0
    assert agent.greedy().act([choice])[0].text == "go right"


def test_a_choice_is_learnt():
    # One situation and three listed actions, of which one has the advantage 1 and the others -1/2: its probability goes to 1.
    agent = policy(seed=0, learning={"learning_rate": 3e-3})
    prompts = [Prompt(instructions="", observation="which way?", actions=("left", "right", "up"), seed=seed) for seed in range(24)]
    episode = played(make_agent("scripted"), tasks=1, attempts=1)[0]
    task = msgspec.structs.replace(episode.task, instructions="")
    for round_ in range(25):
        actions = agent.act([msgspec.structs.replace(prompt, seed=1000 * round_ + prompt.seed) for prompt in prompts])
        trajectories = []
        for at, action in enumerate(actions):
            step = msgspec.structs.replace(
                episode.steps[0],
                observation="which way?",
                action=action.text,
                actions=prompts[0].actions,
                terminated=True,
                token_ids=action.token_ids,
                logprobs=action.logprobs,
            )
            trajectories.append(msgspec.structs.replace(episode, id=str(at), steps=(step,), task=task))
        batch = StepBatch.from_trajectories(trajectories)
        advantages = np.array([1.0 if action.text == "up" else -0.5 for action in actions])
        metrics = agent.update(batch, Credit(advantages=advantages, returns=advantages, keep=np.ones(24, dtype=bool), diagnostics={}))
        assert metrics["cut_off"] == 0.0
    chosen = [action.text for action in agent.act(prompts)]
    assert chosen.count("up") >= 22


# A critic, and other columns of credit.


def spoken(agent):
    """With a value head that says something."""
    head = agent.learner.network.value_head
    with torch.no_grad():
        head.last.weight.normal_(generator=torch.Generator().manual_seed(0))
    return agent


@pytest.mark.parametrize("options", [{}, {"history": 1}, {"context": 520}], ids=["all history", "one step of history", "the context overflows"])
def test_values_of_states_and_of_the_state_that_an_episode_was_cut_in(options):
    agent = spoken(policy(choose="listed", learning={"value_weight": 0.5}, max_new_tokens=10, **options))
    assert agent.gives == ("logprob", "entropy", "n_tokens", "value", "bootstrap_value")
    batch = StepBatch.from_trajectories(played(agent, max_steps=2, difficulty=3))
    assert batch.truncated.all()  # two operations with more numbers never end
    found = agent.columns(batch, ["value", "bootstrap_value", "logprob"])
    np.testing.assert_allclose(found["logprob"], batch.columns["logprob"], atol=1e-4)
    last = batch.offsets[1:] - 1
    assert np.isnan(np.delete(found["bootstrap_value"], last)).all()
    # The same episodes one step longer: what their third step is read from is what the others were cut before.
    longer = StepBatch.from_trajectories(
        msgspec.structs.replace(
            trajectory,
            steps=(
                *trajectory.steps,
                msgspec.structs.replace(trajectory.steps[-1], observation=trajectory.final.observation, index=2, action="", actions=(), token_ids=None),
            ),
            final=None,
        )
        for trajectory in batch.trajectories
    )
    values = agent.columns(longer, ["value"])["value"]
    np.testing.assert_allclose(values[longer.offsets[1:] - 1], found["bootstrap_value"][last], atol=1e-5)
    np.testing.assert_allclose(np.delete(values, longer.offsets[1:] - 1), found["value"], atol=1e-5)


def test_gae_with_a_causal_policy():
    agent = policy(choose="listed", learning={"value_weight": 0.5, "keep_reference": True})
    batch = StepBatch.from_trajectories(played(agent))
    found = agent.columns(batch, agent.gives)
    # Nothing has been learnt: the reference is the policy itself, and the critic says 0.
    np.testing.assert_allclose(found["ref_logprob"], found["logprob"], atol=1e-5)
    assert found["value"].tolist() == [0.0] * batch.rewards.size
    assert (found["n_tokens"] > 0).any()
    filled = batch.with_columns(agent.columns(batch, ["value", "bootstrap_value"]))
    # A_t = G_t with values of 0: what is learned from are the discounted returns, and what values are fitted to.
    credit = assign("gae", filled, lam=1.0, bootstrap=False)
    np.testing.assert_allclose(credit.returns, assign("reinforce", batch, gamma=0.99).returns, atol=1e-9)
    assert np.isfinite(agent.update(filled, credit)["value_loss"])
    finished = StepBatch.from_trajectories(msgspec.structs.replace(trajectory, final=None) for trajectory in batch.trajectories)
    assert np.isnan(agent.columns(finished, ["bootstrap_value"])["bootstrap_value"]).all()
    with pytest.raises(ContractError, match=r"'causal-lm' cannot fill the columns value: it fills logprob, entropy, n_tokens"):
        policy().columns(batch, ["value"])
