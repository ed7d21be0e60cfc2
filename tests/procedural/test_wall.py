from fractions import Fraction

import pytest

from prm_gym.errors import OptionError
from prm_gym.procedural import REFUSED, SERVED, AnswerError, admitted, refuse
from prm_gym.procedural.catalogue import COMPARED, EVALUATED, NUMBERS_ONLY

INTEGRAL = {"answer": "x**2 + C", "metadata": {"variable": "x", "integrand": "2*x"}}
SUM = {"answer": "1 + 2", "metadata": {}}
PRODUCT = {"answer": "y", "metadata": {"variables": ["y", "z"]}}
ENTRIES = {"simple_integration": INTEGRAL, "intermediate_integration": INTEGRAL, "polynomial_multiplication": PRODUCT, "countdown": SUM}


def _admitted(answer, dataset="simple_integration"):
    return admitted(dataset, answer, ENTRIES[dataset])


def _kind(answer, dataset="simple_integration"):
    with pytest.raises(AnswerError) as caught:
        _admitted(answer, dataset)
    return caught.value.kind


def _value(text, **names):
    """Python's own value of what was written out; the texts of this test are ours."""
    return eval(text, {"__builtins__": {}}, names)


@pytest.mark.parametrize(
    "text", ["1 + 2*3", "-x**2 + 3", "2**-x", "x - 1 - 2", "8/2/2", "-(x + 1)*(x - 1)", "2**3**2", "+x", "- -x", "(((x)))", "x*2.5 + 0.25", "2 * -x ** 2"]
)
def test_what_is_written_out_means_what_was_written(text):
    # Python is the independent reader: the notation is its own.
    for x in (Fraction(2), Fraction(-3)):
        assert _value(_admitted(text), x=x) == _value(text, x=x)


def test_functions_and_names_of_the_task_are_read():
    assert _admitted("exp(2*x)*sin(x)/pi + C") == "(((exp((2*x))*sin(x))/pi)+C)"
    assert _admitted("y**2*z - 3", "polynomial_multiplication") == "(((y**2)*z)-3)"
    assert _admitted("(100 - 6)/ 2", "countdown") == "(((100-6))/2)"


@pytest.mark.parametrize(
    "text",
    [
        *("", "x +", "(x", "x)", "2x", "x y", "x^2", "x = 2", "x, 2", "sin x", "sin", "sin()", "sin(x, x)", "y", "S", "N(x)", "Integral(x)", "eval(x)", "007"),
        *(
            "x.real",
            "x._",
            "__x__",
            "'x'",
            '"x"',
            "[x]",
            "{x}",
            "x; x",
            "x\\x",
            "x # x",
            "x@x",
            "x // 2",
            "x % 2",
            "x < 2",
            "x if x else x",
            "lambda: x",
            "ｘ",
            "x²",
        ),
        *("٣", "x\0", "1e5", "1_000", "0x10", "x:=2", "*x", "x!", "∫x"),
    ],
)
def test_what_is_no_expression_is_malformed(text):
    assert _kind(text) == "malformed"


@pytest.mark.parametrize(
    "text", ["9**9**9**9", "x**101", "2**(1/101)", "9" * 41, "x" + "+x" * 1000, "(" * 41 + "x" + ")" * 41, "-" * 41 + "x", "(10**99*10)**99"]
)
def test_what_is_too_great_is_beyond_the_bounds(text):
    assert _kind(text) == "bounds"


def test_what_has_no_value_is_wrong():
    assert _kind("x/(1-1)") == "incorrect"
    assert _kind("0**-1") == "incorrect"


@pytest.mark.parametrize("text", ["2**3", "1.5", "1 + x", "E", "sqrt(4)", "pi", "1 2"])
def test_countdown_has_whole_numbers_and_four_operations(text):
    # Its scorer picks the numbers out of the text: "1.5" would count as a 1 and a 5.
    assert _kind(text, "countdown") in ("incorrect", "malformed")


@pytest.mark.parametrize("dataset", sorted(COMPARED))
def test_where_answers_are_compared_only_the_known_one_passes(dataset):
    entry = {"answer": "1 2\n3 4", "metadata": {"valid_answers": ["1 2\n3 4", "_ Q"]}}
    assert admitted(dataset, " 1 2\n3 4 ", entry) == "1 2\n3 4"
    for text in ("[[1, 2], [3, 4]]", "['Q', '_']", "1 2", ""):
        with pytest.raises(AnswerError) as caught:
            admitted(dataset, text, entry)
        assert caught.value.kind == "incorrect"
    assert admitted("n_queens", "_ Q", entry) == "_ Q"


@pytest.mark.parametrize(
    ("dataset", "text"),
    [
        *(("complex_arithmetic", text) for text in ("nan", "NaN", "nan+nanj", "-nan", "inf", "NANj")),
        *(("number_sorting", text) for text in ("[NaN]", "['nan']", '["\\u006ean"]', "[Infinity]", "[nan]")),
    ],
)
def test_numbers_that_are_none_do_not_pass(dataset, text):
    with pytest.raises(AnswerError):
        admitted(dataset, text, {"answer": "1", "metadata": {}})


@pytest.mark.parametrize(
    ("dataset", "entry"),
    [
        ("bitwise_arithmetic", {"answer": "0x1", "metadata": {"problem": "open('f', 'w')"}}),
        ("number_sorting", {"answer": "[open('f', 'w')]", "metadata": {}}),
        ("simple_integration", {"answer": "x", "metadata": {"variable": "x", "integrand": "open('f', 'w')"}}),
        ("intermediate_integration", {"answer": "x", "metadata": {"variable": "x", "integrand": "x.__class__"}}),
        ("polynomial_multiplication", {"answer": "open('f', 'w')", "metadata": {"variables": ["open"]}}),
    ],
)
def test_an_entry_from_a_file_is_not_run_either(dataset, entry):
    with pytest.raises(ValueError, match=r"is not what|of its entry is no expression") as caught:
        admitted(dataset, "0x1", entry)
    assert not isinstance(caught.value, AnswerError)


def test_a_board_passes_only_where_its_scorer_compares_it():
    with pytest.raises(AnswerError):
        admitted("n_queens", "open('f', 'w')", {"answer": "open('f', 'w')", "metadata": {"valid_answers": ["_ Q"]}})


def test_plain_texts_pass_as_they_are():
    assert admitted("leg_counting", "__import__('os')", {"answer": "4", "metadata": {}}) == "__import__('os')"
    assert admitted("complex_arithmetic", "-3.5 + 2i", {"answer": "1", "metadata": {}}) == "-3.5 + 2i"
    assert admitted("number_sorting", "['1.5', '-2']", {"answer": "1", "metadata": {}}) == "['1.5', '-2']"


def test_data_sets_that_were_not_read_are_refused():
    assert not SERVED & set(REFUSED)
    assert COMPARED | EVALUATED | set(NUMBERS_ONLY) <= SERVED
    with pytest.raises(OptionError, match="the full score for the answer '0'"):
        refuse("coin_flip")
    with pytest.raises(OptionError, match="Did you mean 'leg_counting'"):
        refuse("leg_countin")


@pytest.mark.parametrize("dataset", [*sorted(REFUSED), "composite", "no such data set", ""])
def test_no_answer_reaches_a_scorer_that_nobody_has_read(dataset):
    # A claim may come from a file: that the environment refuses the data set is not enough.
    with pytest.raises(ValueError, match="not served"):
        admitted(dataset, "__import__('os').getpid()", {"answer": "24", "metadata": {}})
