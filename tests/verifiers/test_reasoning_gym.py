import json
import pickle
import sys
import unicodedata

import msgspec
import pytest

pytest.importorskip("reasoning_gym")

from prm_gym.claims import Claim, ReasoningGymAnswer, decode_claims
from prm_gym.errors import MissingExtraError, OptionError
from prm_gym.procedural import SERVED, ReasoningGymService, Source
from prm_gym.procedural.catalogue import COMPARED, EVALUATED
from prm_gym.procedural.service import _POOLS, _USERS
from prm_gym.task import Task
from prm_gym.verifier import StepContext, make_verifier
from prm_gym.verifiers.reasoning_gym import ReasoningGymVerifier

TASK = Task(key="t", instructions="", question="")


@pytest.fixture(scope="module")
def service():
    service = ReasoningGymService()
    yield service
    service.close()


def _entry(service, dataset, index=0):
    return service.entry(Source(dataset, "{}", 0, 0, 100), index)


def _claim(entry, answer):
    return ReasoningGymAnswer(entry.dataset, entry.entry, answer, entry.config, entry.difficulty)


def _verdicts(claims, verifier=None):
    steps = [StepContext(task=TASK, observation="", action="", claims=(claim,)) for claim in claims]
    return (verifier or ReasoningGymVerifier()).verify(steps)


def _claimed(dataset, answer, gold, **metadata):
    return ReasoningGymAnswer(dataset, json.dumps({"question": "", "answer": gold, "metadata": metadata}), answer)


def payloads(path, gold):
    """Ways to run code from an expression, each of which would leave a file."""
    touch = f"__import__('os').system('touch {path}')"
    opened = f"open('{path}','w')"
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter.isalpha() and letter.isascii() else letter for letter in "open")
    assert unicodedata.normalize("NFKC", wide) == "open"  # which Python reads as open
    escaped = "".join(f"\\x{ord(letter):02x}" for letter in opened)
    return [
        *(
            touch,
            touch.replace("'", '"'),
            f"({touch})",
            f"[{touch}]",
            f"{touch},",
            f"{gold} + {touch}",
            f"{touch} + {gold}",
            f"{gold}\n{touch}",
            f"{gold};{touch}",
        ),
        *(opened, f"[{opened}]", f"{opened}.close()", f"exp({opened})", f"sin(x, {opened})", f"24 if {opened} else 24", f"{gold} or {opened}", f"x[{opened}]"),
        *(
            f"eval({opened!r})",
            f"exec({opened!r})",
            f'eval("{escaped}")',
            f"(lambda: {opened})()",
            f"[c for c in [{opened}]]",
            f"(y:={opened})",
            f"*[{opened}]",
        ),
        *(
            f"{wide}('{path}','w')",
            f'f"{{{opened}}}"',
            f"print({opened})",
            f"S({opened!r})",
            f"sympify({opened!r})",
            f"parse_expr({opened!r})",
            f"Lambda(x, {opened})",
        ),
        f"[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'Popen'][0](['touch', '{path}'])",
        f"().__class__.__mro__[1].__subclasses__()[0].__init__.__globals__['__builtins__']['open']('{path}', 'w')",
        f"getattr(__builtins__, 'op' + 'en')('{path}', 'w')",
        f"x.__class__.__init__.__globals__['os'].system('touch {path}')",
        f"type('X', (), {{'__repr__': lambda s: {opened}}})()",
        f"breakpoint() or {opened}",
    ]


def _attack(service, dataset, path):
    entry = _entry(service, dataset)
    answers = payloads(path, entry.gold)
    scores = service.score([_claim(entry, answer) for answer in [*answers, entry.gold]])
    return scores[:-1], scores[-1].score


@pytest.mark.parametrize("dataset", sorted(COMPARED | EVALUATED))
def test_an_answer_that_is_a_program_is_never_run(dataset, service, tmp_path):
    attacks, gold = _attack(service, dataset, tmp_path / "touched")
    assert not list(tmp_path.iterdir())
    # No scorer has seen any of them.
    assert [scored.raw for scored in attacks] == [None] * len(attacks)
    assert {scored.score for scored in attacks} <= {0.0, None}
    assert gold == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("dataset", sorted(SERVED))
def test_no_data_set_runs_an_answer_and_every_known_answer_is_right(dataset, service, tmp_path):
    _, gold = _attack(service, dataset, tmp_path / "touched")
    assert not list(tmp_path.iterdir())
    assert gold == 1.0


def test_an_answer_over_which_the_scorer_hangs_is_a_timeout_and_the_next_one_is_judged():
    # A polynomial of degree 300, which sympy is asked to simplify.
    hanging = _claimed("simple_integration", "(x+1)**100*(x+2)**100*(x+3)**100", "x**2 + C", integrand="2*x", variable="x")
    verdicts = _verdicts([hanging, _claimed("simple_integration", "x**2", "x**2 + C", integrand="2*x", variable="x"), hanging])
    assert [(verdict.status, verdict.score) for verdict in verdicts] == [("timeout", None), ("ok", 1.0), ("timeout", None)]


def test_what_is_paid_for_form_alone_is_nothing():
    # The scorer gives 0.05 to any fraction, and 0.1 to one that keeps the denominator.
    claims = [
        _claimed("fraction_simplification", answer, "1/2", numerator=2, denominator=4, simplified_numerator=1, simplified_denominator=2)
        for answer in ("1/2", "3/7", "3/4")
    ]
    verdicts = _verdicts(claims)
    assert [(verdict.score, verdict.label, verdict.evidence["raw"]) for verdict in verdicts] == [
        (1.0, "correct", 1.0),
        (0.0, "incorrect", 0.05),
        (0.0, "incorrect", 0.1),
    ]


def test_partial_scores_are_kept_or_not():
    # One of four words is in its place, then two, then three: the scorer gives 1/4, 2/4, 3/4.
    claims = [_claimed("sentence_reordering", answer, "one two three four") for answer in ("one x y z", "one two y z", "one two three z")]
    assert [(verdict.label, verdict.score) for verdict in _verdicts(claims)] == [("incorrect", 0.25), ("neutral", 0.5), ("neutral", 0.75)]
    exact = _verdicts(claims, make_verifier("reasoning_gym:exact"))
    assert [(verdict.label, verdict.score) for verdict in exact] == [("incorrect", 0.0)] * 3
    with pytest.raises(OptionError, match="one of graded, exact"):
        make_verifier("reasoning_gym:strict")


def test_boards_are_compared_as_tuples(service):
    for dataset in ("arc_agi", "rearc"):
        entry = _entry(service, dataset)
        assert service.score([_claim(entry, entry.gold), _claim(entry, entry.gold + " 0")])[0].score == 1.0


def test_a_stored_claim_is_judged_again_as_it_was(service):
    entry = _entry(service, "word_sorting")
    claims = [_claim(entry, answer) for answer in (entry.gold, "", "a, b", "x" * 10_000)]
    stored = msgspec.json.decode(msgspec.json.encode(claims), type=list[Claim], dec_hook=decode_claims)
    assert stored == claims
    verifier = ReasoningGymVerifier()
    assert _verdicts(stored, pickle.loads(pickle.dumps(verifier))) == _verdicts(claims, verifier)


def test_a_claim_that_no_environment_made_is_no_crash():
    odd = [
        ReasoningGymAnswer("leg_counting", "[]", "1"),
        ReasoningGymAnswer("leg_counting", "[" * 100_000, "1"),
        ReasoningGymAnswer("simple_integration", "{}", "1"),
        ReasoningGymAnswer("no_such_data_set", '{"answer": "1", "metadata": {}}', "2"),
        ReasoningGymAnswer("leg_counting", '{"answer": "1", "metadata": {}}', "2", config='{"no": 1}'),
    ]
    assert [(verdict.status, verdict.score) for verdict in _verdicts(odd)] == [("error", None)] * len(odd)


def test_the_workers_end_with_the_last_that_uses_them(service):
    one, other = ReasoningGymVerifier(), ReasoningGymVerifier()
    claim = _claimed("chain_sum", "5", "5")
    for verifier in (one, other):
        assert _verdicts([_claimed("chain_sum", f"{id(verifier)}", "5"), claim], verifier)[1].score == 1.0
    for user in list(_USERS):
        if user not in (one._service, other._service):
            user.close()
    one.close()
    one.close()
    assert _POOLS
    other.close()
    assert not _POOLS
    assert _verdicts([_claimed("chain_sum", "7", "5")], one)[0].score == 0.0
    one.close()


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)  # what find_spec and import take for absent
    with pytest.raises(MissingExtraError, match=r"pip install 'prm-gym\[reasoning-gym\]'"):
        make_verifier("reasoning_gym")
