import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from prm_gym.errors import CheckpointError, DivergedError  # noqa: E402
from prm_gym.lm.choices import ChoiceTrie  # noqa: E402
from prm_gym.lm.generation import Generator  # noqa: E402
from prm_gym.lm.libraries import library  # noqa: E402
from prm_gym.lm.sampling import Sampling, log_distribution  # noqa: E402
from prm_gym.testing.tiny_models import tiny_config  # noqa: E402

END, LIMIT = 1, 12


def model(architecture="llama", seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return library("transformers").AutoModelForCausalLM.from_config(tiny_config(architecture, 40, **options)).eval()


def contexts(lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(2, 40, size=length).tolist() for length in lengths]


def uniforms(rows, seed=0, limit=LIMIT):
    return np.random.default_rng(seed).random((rows, limit))


def ended(tokens):
    return tokens[-1] == END


def logits_after(net, ids):
    """What the model says after ids, by one forward without anything kept."""
    with torch.no_grad():
        return net(input_ids=torch.tensor([ids])).logits[0].float()


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "mistral"])
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.6, top_k=9), Sampling(top_p=0.7), Sampling(greedy=True)])
def test_tokens_and_logprobs_are_those_of_whole_forwards(architecture, sampling):
    net = model(architecture)
    given = contexts((3, 17, 9, 1, 17))
    numbers = uniforms(5)
    found = Generator(net).sample(given, [""] * 5, numbers, sampling, ended)
    for context, row, sampled in zip(given, numbers, found, strict=True):
        assert len(sampled.token_ids) == LIMIT or sampled.token_ids[-1] == END
        assert END not in sampled.token_ids[:-1]
        logits = logits_after(net, [*context, *sampled.token_ids])[len(context) - 1 : -1]
        distribution = log_distribution(logits, sampling)
        for at, (token, logprob) in enumerate(zip(sampled.token_ids, sampled.logprobs, strict=True)):
            assert logprob == pytest.approx(distribution[at, token].item(), abs=1e-4)
            if sampling.greedy:
                assert token == logits[at].argmax().item()
            else:  # the token's share of the cumulated probability holds the number that was drawn for it
                below = distribution[at, :token].double().exp().sum().item()
                assert below - 1e-5 <= row[at] <= below + distribution[at, token].double().exp().item() + 1e-5


def test_alone_or_in_any_batch():
    net = model()
    given, numbers = contexts((5, 30, 11, 2, 8, 19)), uniforms(6)
    together = Generator(net).sample(given, [""] * 6, numbers, Sampling(), ended)
    alone = [Generator(net).sample([context], [""], numbers[[row]], Sampling(), ended)[0] for row, context in enumerate(given)]
    generator = Generator(net)
    backwards = generator.sample(given[::-1], [""] * 6, numbers[::-1], Sampling(), ended)[::-1]
    assert [each.token_ids for each in together] == [each.token_ids for each in alone] == [each.token_ids for each in backwards]
    assert np.allclose(np.concatenate([each.logprobs for each in together]), np.concatenate([each.logprobs for each in alone]), atol=1e-5)


def test_a_step_costs_its_own_tokens_and_an_episode_that_was_put_back_is_found_out():
    net = model()
    generator, names = Generator(net), ["a", "b", "c"]
    given = contexts((20, 25, 30))
    first = generator.sample(given, names, uniforms(3), Sampling(), ended)
    assert generator.read - generator.written >= 75
    later = [context + list(sampled.token_ids) + extra for context, sampled, extra in zip(given, first, contexts((4, 5, 6), 1), strict=True)]
    before = generator.read - generator.written
    second = generator.sample(later[::-1], names[::-1], uniforms(3, 1), Sampling(), ended)[::-1]
    # Of each only the new segment is read, and the last token that was written, which nobody had read.
    assert generator.read - generator.written - before == 4 + 5 + 6 + 3
    # Episode "b" was put back to its first step and went on otherwise; its name is kept.
    other = [later[0], given[1] + contexts((7,), 2)[0], later[2]]
    third = generator.sample(other, names, uniforms(3, 2), Sampling(), ended)
    fresh = Generator(net)
    order = [2, 1, 0]
    assert [each.token_ids for each in second] == [fresh.sample([later[i]], [""], uniforms(3, 1)[[order[i]]], Sampling(), ended)[0].token_ids for i in range(3)]
    assert [each.token_ids for each in third] == [fresh.sample([other[i]], [""], uniforms(3, 2)[[i]], Sampling(), ended)[0].token_ids for i in range(3)]


def test_attempts_at_one_task_are_read_once():
    generator = Generator(model())
    start = generator.read
    context = contexts((40,))[0]
    generator.sample([context] * 8, [f"{i}" for i in range(8)], uniforms(8), Sampling(), ended)
    assert generator.read - start - generator.written == 40
    # A ninth that begins so finds the beginning in the table, but for the token whose logits are needed.
    before = generator.read - generator.written
    generator.sample([context], ["ninth"], uniforms(1), Sampling(), ended)
    assert generator.read - generator.written - before == 1


def test_bounded_memory_changes_nothing():
    net = model()
    given, names = contexts((50, 3, 20, 41, 8, 30, 1)), [f"{i}" for i in range(7)]
    # 2 layers, keys and values of 2 heads of width 8, float32: 256 bytes a token; 3 rows of 128 + 1 columns.
    small, large = Generator(net, cache_bytes=3 * 129 * 256), Generator(net)
    for round_ in range(3):
        one, other = (each.sample(given, names, uniforms(7, round_), Sampling(), ended) for each in (small, large))
        assert [each.token_ids for each in one] == [each.token_ids for each in other]
        assert small.slots.bytes <= 3 * 129 * 256
        given = [context + list(sampled.token_ids) for context, sampled in zip(given, one, strict=True)]
    assert len(small.slots.tokens) == 3
    assert len(large.slots.tokens) == 7


ACTIONS = ([5, 6, 7, END], [5, 6, 8, END], [5, END], [9, 10, 11, 12, END], [5, 6, 7, END], [5, 6, 7, 13, END])


def by_hand(net, context, actions, temperature):
    """Log-probability of each distinct action: at every token a softmax over the tokens that go on to one of them."""
    found = {}
    for action in {tuple(action) for action in actions}:
        total = 0.0
        for at, token in enumerate(action):
            follow = sorted({other[at] for other in actions if tuple(other[:at]) == action[:at] and len(other) > at})
            scores = logits_after(net, [*context, *action[:at]])[-1][follow] / temperature
            total += torch.log_softmax(scores, dim=0)[follow.index(token)].item()
        found[action] = total
    return found


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_choices_have_the_probabilities_of_token_by_token_forwards(temperature):
    net, trie = model(), ChoiceTrie(ACTIONS)
    generator = Generator(net)
    given = contexts((10, 4, 23))
    numbers = np.random.default_rng(0).random((3, 40))
    for column in range(40):
        found = generator.choose(given, ["a", "b", "c"], [trie] * 3, numbers[:, column].tolist(), temperature)
        if column == 0:
            expected = [by_hand(net, context, ACTIONS, temperature) for context in given]
            assert all(sum(np.exp(value) for value in each.values()) == pytest.approx(1.0, abs=1e-5) for each in expected)
        for choice, each, number in zip(found, expected, numbers[:, column], strict=True):
            assert sum(choice.logprobs) == pytest.approx(each[choice.token_ids], abs=1e-4)
            assert list(choice.token_ids) == ACTIONS[choice.place]
            order = [tuple(ACTIONS[i]) for i in (0, 1, 2, 3, 5)]  # the fourth is the first again
            below = sum(np.exp(each[action]) for action in order[: order.index(choice.token_ids)])
            assert below - 1e-5 <= number <= below + np.exp(each[choice.token_ids]) + 1e-5
    best = generator.choose(given, ["a", "b", "c"], [trie] * 3, [None] * 3, temperature)
    assert [choice.token_ids for choice in best] == [max(each, key=each.get) for each in expected]


def test_what_is_no_choice_costs_nothing():
    generator = Generator(model())
    alone = ChoiceTrie([[5, 6, END]])
    start = generator.read
    (choice,) = generator.choose(contexts((6,)), [""], [alone], [0.3], 1.0)
    assert (choice.place, choice.token_ids, choice.logprobs) == (0, (5, 6, END), (0.0, 0.0, 0.0))
    assert generator.read - start == 6
    assert alone.read == []
    # Only the way to the fork between 7 and 8 is read: [5], [5, 6]; and [5, 6, 7], after which 13 or the end may stand.
    assert [ChoiceTrie(ACTIONS).tokens[node] for node in ChoiceTrie(ACTIONS).read] == [5, 6, 7]
    assert ChoiceTrie(ACTIONS).allowed(ChoiceTrie(ACTIONS).leaves[1]) == ((5, 9), (6, END), (7, 8), (END,))


def test_other_weights_are_noticed_when_they_are_told():
    net = model()
    generator = Generator(net)
    given, numbers = contexts((30,)), uniforms(1)
    generator.sample(given, ["a"], numbers, Sampling(), ended)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
    generator.forget()
    found = generator.sample(given, ["a"], numbers, Sampling(), ended)
    assert found == Generator(net).sample(given, ["a"], numbers, Sampling(), ended)


def test_a_model_without_keys_and_values_is_refused():
    config = library("transformers").MambaConfig(vocab_size=40, hidden_size=16, num_hidden_layers=1, state_size=4)
    with pytest.raises(CheckpointError, match=r"keys and values|go on"):
        Generator(library("transformers").AutoModelForCausalLM.from_config(config).eval())


def test_training_mode_is_put_back():
    net = model()
    generator = Generator(net)
    net.train()
    generator.sample(contexts((4,)), [""], uniforms(1), Sampling(), ended)
    assert net.training


@pytest.mark.parametrize("limit", [0, 5 * 129 * 256, 1 << 31])
def test_whatever_episodes_do_what_is_said_is_what_a_whole_forward_says(limit):
    # Episodes in any order and number, that go on, are put back, begin anew, or share a beginning with another one.
    net, rng = model("qwen2"), np.random.default_rng(5)
    generator = Generator(net, cache_bytes=limit)
    told = {name: contexts((8,), 0)[0] for name in "abcdefg"}
    for round_ in range(25):
        names = [str(name) for name in rng.permutation(list(told))[: rng.integers(1, 8)]]
        for name in names:
            match rng.integers(4):
                case 0:
                    told[name] = told[name][: rng.integers(1, len(told[name]) + 1)]
                case 1:
                    told[name] = list(told[str(rng.choice(list(told)))])
                case _:
                    told[name] = told[name][:60] + rng.integers(2, 40, size=rng.integers(1, 20)).tolist()
        numbers = uniforms(len(names), round_, limit=3)
        if round_ % 3:
            found = generator.sample([told[name] for name in names], names, numbers, Sampling(), ended)
        else:
            found = generator.choose([told[name] for name in names], names, [ChoiceTrie(ACTIONS)] * len(names), numbers[:, 0].tolist(), 1.0)
        for name, each in zip(names, found, strict=True):
            if round_ % 3:
                said = torch.log_softmax(logits_after(net, [*told[name], *each.token_ids])[len(told[name]) - 1 : -1], dim=-1)
                expected = [said[at, token].item() for at, token in enumerate(each.token_ids)]
                assert each.logprobs == pytest.approx(expected, abs=1e-4)
            else:
                assert sum(each.logprobs) == pytest.approx(by_hand(net, told[name], ACTIONS, 1.0)[each.token_ids], abs=1e-4)
            told[name] = told[name] + list(each.token_ids)
    assert generator.slots.bytes <= max(limit, 129 * 256)  # a single row is there in any case


def test_a_choice_at_a_known_context_is_one_forward():
    net = model()
    generator = Generator(net)
    forwards = []
    net.model.register_forward_hook(lambda *_: forwards.append(1))
    given, names = contexts((30, 30, 30)), ["a", "b", "c"]
    generator.choose(given, names, [ChoiceTrie(ACTIONS)] * 3, [None] * 3, 1.0)
    # What is new of the contexts and the nodes of the list go through the model together.
    assert len(forwards) == 1
    later = [context + extra for context, extra in zip(given, contexts((7, 7, 7), 1), strict=True)]
    before = generator.read
    generator.choose(later, names, [ChoiceTrie(ACTIONS)] * 3, [None] * 3, 1.0)
    assert len(forwards) == 2
    assert generator.read - before == 3 * (7 + 3)  # the new tokens, and the three nodes that must be read


def test_choices_of_attempts_at_one_task_read_the_context_once():
    net = model()
    generator = Generator(net)
    start, context = generator.read, contexts((40,))[0]
    found = generator.choose([context] * 8, [f"{i}" for i in range(8)], [ChoiceTrie(ACTIONS)] * 8, [None] * 8, 1.0)
    # All but the last token once, and then for each that token and the three nodes of its list.
    assert generator.read - start == 39 + 8 * (1 + 3)
    alone = Generator(net).choose([context], [""], [ChoiceTrie(ACTIONS)], [None], 1.0)[0]
    assert {each.token_ids for each in found} == {alone.token_ids}
    assert all(each.logprobs == pytest.approx(alone.logprobs, abs=1e-5) for each in found)


def test_a_beginning_is_taken_over_from_an_episode_that_began_alike():
    generator = Generator(model())
    common = contexts((50,))[0]
    first, second = ([*common, *tail] for tail in contexts((9, 30), 3))
    generator.sample([first, contexts((60,), 4)[0]], ["a", "b"], uniforms(2), Sampling(), ended)
    before = generator.read - generator.written
    generator.sample([second], ["c"], uniforms(1), Sampling(), ended)
    assert generator.read - generator.written - before == 30
    # Less than 16 tokens in common are read again.
    before = generator.read - generator.written
    generator.sample([[*common[:15], *contexts((5,), 5)[0]]], ["d"], uniforms(1), Sampling(), ended)
    assert generator.read - generator.written - before == 20


def test_a_view_reads_the_columns_of_its_rows_and_copies_nothing_else():
    from prm_gym.lm.slots import View

    rng = torch.Generator().manual_seed(0)
    table = [(torch.randn((4, 2, 101, 8), generator=rng), torch.randn((4, 2, 101, 8), generator=rng))]
    new = torch.randn((2, 2, 1, 8), generator=rng)
    columns = torch.tensor([[5], [9]])
    for rows, places in ((None, [0, 1]), (torch.tensor([3, 1]), [3, 1])):
        keys, values = View(table, rows, columns, 10).update(new, 2 * new, 0)
        assert keys.shape == values.shape == (2, 2, 10, 8)
        assert torch.equal(keys, table[0][0][places, :, :10])
        assert torch.equal(table[0][1][places, :, columns[:, 0]], 2 * new[:, :, 0])
        # Rows at the front are looked at where they lie; of others only the columns that are read are copied.
        storage = keys.untyped_storage()
        assert (storage.data_ptr() == table[0][0].untyped_storage().data_ptr()) == (rows is None)
        assert rows is None or storage.nbytes() == 2 * 2 * 10 * 8 * 4


def test_weights_that_are_no_numbers_are_an_error_and_leave_nothing_behind():
    net = model()
    generator, given = Generator(net), contexts((3, 17, 9))
    trie = ChoiceTrie([[5, END], [6, END]])

    def said():
        """In the order of the rows and in another one, so that short contexts come to lie where long ones were."""
        texts = [sampled for order in (given, given[::-1]) for sampled in generator.sample(order, [""] * 3, uniforms(3), Sampling(), ended)]
        return [value for sampled in texts for value in sampled.logprobs] + list(generator.choose(given[:1], [""], [trie], [0.5], 1.0)[0].logprobs)

    expected = said()
    weights = [parameter.detach().clone() for parameter in net.parameters()]
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(float("nan"))
    generator.forget()
    for sampling in (Sampling(), Sampling(top_k=3), Sampling(greedy=True)):
        with pytest.raises(DivergedError, match="no number"):
            generator.sample(given, [""] * 3, uniforms(3), sampling, ended)
    with pytest.raises(DivergedError, match="no number"):
        generator.choose(given[:1], [""], [trie], [0.5], 1.0)
    with torch.no_grad():
        for parameter, weight in zip(net.parameters(), weights, strict=True):
            parameter.copy_(weight)
    generator.forget()
    assert said() == pytest.approx(expected, abs=1e-5)


def test_what_was_broken_off_is_not_taken_for_read():
    net = model()
    generator, given = Generator(net), contexts((20, 31))
    expected = Generator(net).sample(given, ["a", "b"], uniforms(2), Sampling(), ended)

    def broken_off(*_):
        raise KeyboardInterrupt

    for layer in (net.model.layers[-1], net.model.norm):
        hook = layer.register_forward_pre_hook(broken_off)
        with pytest.raises(KeyboardInterrupt):
            generator.sample(given, ["a", "b"], uniforms(2), Sampling(), ended)
        hook.remove()
        found = generator.sample(given, ["a", "b"], uniforms(2), Sampling(), ended)
        assert [sampled.token_ids for sampled in found] == [sampled.token_ids for sampled in expected]
        assert [value for sampled in found for value in sampled.logprobs] == pytest.approx(
            [value for sampled in expected for value in sampled.logprobs], abs=1e-5
        )
        generator.forget()
