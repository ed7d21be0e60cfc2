r"""Cheap answers that were once paid, and right ones that were once refused. The value of each is plain from its words."""

import time

import pytest

from prm_gym.answers import final_answer, grade

BEHIND_SEVEN = [
    *(
        "hundreds",
        "thousands",
        "millions",
        "dozens",
        "tens",
        "eighths",
        "fifths",
        "quadrillion",
        "lakh",
        "crore",
        "gross",
        "permille",
        "per mille",
        "basis points",
    ),
    *(
        "point five",
        "choose three",
        "factorial",
        "inverse",
        "negative",
        "below zero",
        "doubled",
        "halved",
        "thousandfold",
        "tripled",
        "reversed",
        "twenty-fifths",
    ),
    *(
        "otherwise eight",
        "else eight",
        "versus eight",
        "xor eight",
        "comma eight",
        "otherwise 8",
        "otherwise 2",
        "ppm",
        "octal",
        "half-dozens",
        "hundredths",
        "ninths",
    ),
    *(
        "point",
        "squared",
        "vs eight",
        "tens of apples",
        "millions of apples",
        "quintillions",
        "score",
        "root",
        "twelfths",
        "of eight",
        "apples or eight",
        "incremented",
    ),
    *("apples doubled", "doubled apples", "hours 2", "zeros", "teens", "thousand's", "per cents", "kilos", "grand", "mod four", "K", "sixes"),
]


@pytest.mark.parametrize("words", BEHIND_SEVEN)
@pytest.mark.parametrize("question", ["", "How many apples are doubled, negative or reversed, in points?"])
def test_words_that_change_a_number_are_no_unit(words, question):
    for answer in (f"7 {words}", rf"\boxed{{7 {words}}}", rf"\boxed{{7\text{{ {words}}}}}", f"The answer is 7 {words}.", f"7 {words.upper()}"):
        assert grade(answer, "7", question).verdict != "correct", answer


def test_scales_and_fractions_in_words_are_read():
    for answer, gold in [
        ("7 eighths", "7/8"),
        ("3 tenths", "0.3"),
        ("7 thousands", "7000"),
        ("3 halves", "1.5"),
        ("2 lakh", "200000"),
        ("2 gross", "288"),
        ("1 third", "1/3"),
    ]:
        assert grade(answer, gold).verdict == "correct", answer


@pytest.mark.parametrize(
    ("answer", "question", "verdict"),
    [
        ("12 apples", "", "correct"),
        ("12 red apples", "", "correct"),
        ("12 apples", "How many apples has Ann?", "correct"),
        ("12 apples", "An apple costs 2 dollars. What can Ann buy?", "correct"),
        ("12 boxes of cereal", "How many boxes does she need?", "correct"),
        ("12 cities", "Which number of city names is it?", "correct"),
        ("12 people", "How many guests come?", "correct"),
        ("12 pears", "How many apples has Ann?", "undecided"),
        ("12 flurb", "", "undecided"),
        ("12 years old", "How old is Ann?", "correct"),
        ("12 months old", "How old, in years, is Ann?", "correct-not"),
        ("12 gallons of milk", "How many gallons of milk?", "correct"),
        ("12 pairs", "How many pairs of shoes has she?", "correct"),
        ("12 pairs", "How many shoes has she?", "undecided"),
        ("12 mph", "How fast is it?", "correct"),
        ("12 dollars each", "How much does each pay?", "correct"),
        ("12 dollars per apple", "What is the price of one apple?", "correct"),
    ],
)
def test_nouns_are_units_where_the_question_speaks_of_them(answer, question, verdict):
    found = grade(answer, "12", question).verdict
    assert found != "correct" if verdict == "correct-not" else found == verdict


@pytest.mark.parametrize(
    ("question", "gold", "answer", "verdict"),
    [
        ("Find the prime factorization of 12", r"2^2\cdot 3", "12", "incorrect"),
        ("Find the prime factorization of 12", r"2^2\cdot 3", r"3\cdot 2^2", "correct"),
        ("Find the prime factorization of 12", r"2^2\cdot 3", r"2 \cdot 2 \cdot 3", "correct"),
        ("Find the prime factorization of 12", r"2^2\cdot 3", r"4 \cdot 3", "incorrect"),
        ("Find the prime factorization of 12", r"2^2\cdot 3", r"2 \cdot 6", "incorrect"),
        ("Find the prime factorization of 8", "2^3", "8", "incorrect"),
        ("Write 8 as a power of two", "2^3", "8", "incorrect"),
        ("", r"2^2\cdot 3", "12", "undecided"),
        ("How many are there?", r"2^2\cdot 3", "12", "correct"),
        ("How much is it, as a common fraction?", "1/2", "0.5", "incorrect"),
        ("How much is it, as a common fraction?", "1/2", "1/2", "correct"),
        ("How much is it, as a common fraction?", r"\frac12", "1/2", "correct"),
        ("Give it as a fraction in lowest terms.", "1/2", "2/4", "incorrect"),
        ("Express as a decimal", "0.5", "1/2", "incorrect"),
        ("Express as a decimal", "0.5", "0.50", "correct"),
        ("Express as a mixed number", r"1\frac12", "3/2", "incorrect"),
        ("Express as a mixed number", r"1\frac12", r"1\frac{1}{2}", "correct"),
        ("Write it in scientific notation", r"1.5 \times 10^{-3}", "0.0015", "incorrect"),
        ("Write it in scientific notation", r"1.5 \times 10^{-3}", r"15 \times 10^{-4}", "incorrect"),
        ("Write it in scientific notation", r"1.5 \times 10^{-3}", r"1.50 \cdot 10^{-3}", "correct"),
        ("How much is it?", "1/2", "0.5", "correct"),
        ("Rationalize the denominator.", r"\frac{\sqrt2}{2}", r"\frac{1}{\sqrt2}", "incorrect"),
        ("Rewrite x^2-1 as product", "(x-1)(x+1)", "x^2-1", "incorrect"),
        ("Rewrite x^2-1 as product", "(x-1)(x+1)", "(1+x)(x-1)", "correct"),
        ("Write x^2-1 differently", "(x-1)(x+1)", "-1+x^2", "not"),
        ("Write it in an increasing sequence.", "2,3", "3,2", "not"),
        ("Give both roots, larger first.", "3,2", "2,3", "incorrect"),
        ("Sort them from the smallest up.", "2,3", "3,2", "incorrect"),
        ("Name them from small to large.", "2,3", "3,2", "incorrect"),
        ("Simplify sqrt(12)", r"2\sqrt3", r"\sqrt{12}", "incorrect"),
        ("Give both roots.", "3,2", "2,3", "correct"),
    ],
)
def test_a_form_or_an_order_that_is_asked_for_must_be_kept(question, gold, answer, verdict):
    found = grade(answer, gold, question).verdict
    assert found in ("incorrect", "undecided") if verdict == "not" else found == verdict


HEDGES = [
    "\\boxed{7}\n\n(or 8)",
    "\\boxed{7}\n\nAlternatively, it is 8",
    "\\boxed{7}\n\nAlternatively it could be eight.",
    "The answer is 7 (or 8)",
    r"It is \boxed{7}, or else 8.",
    r"\boxed{7}. If not, 8.",
    r"\boxed{7}. Else 8.",
    r"\boxed{7}. Or 8.",
    "The answer is 7. The answer could also be 8",
    "The answer is 7. But it may be 8.",
    "The answer is 7. It might be 8.",
    "the answer is 7 if x>0, else 8",
    "the answer is 7 when lucky and 8 when not",
    "The answer is 7. It is 8 if x < 0.",
    "The answer is 7; otherwise 8.",
    "The answer is 7 unless it is 8.",
    "The answer is 7. 8 is also possible.",
    r"\boxed{7}, 8",
    r"\boxed{7} / 8",
    r"\boxed{7} and 8",
    "#### 7\nor 8",
    "#### 7\n\nMaybe 8.",
    "7 (or 8)",
    "7 else 8",
    "The answer is 7 (or 8). Hence the answer is 7.",
    "\\boxed{7}\n\n\nI am not sure about this.",
    r"\boxed{7}" + " Read on." * 50 + " Or else it is 8.",
    r"\boxed{7} or $x=8$",
    "The answer is 7 (alternatively: 8).",
    "\\boxed{7}\n\n8",
    r"\boxed{7} 8",
    r"\boxed{7} | 8",
    r"\boxed{7} (8?)",
    r"\boxed{7} \text{ or } 8",
    r"\boxed{7} \lor 8",
    "The answer is 7 as well as 8",
    "The answer is 7. In other cases 8.",
    "The answer is 7. A second possibility: 8",
    "The answer is 7. Depending on the reading, 8.",
    "The answer is 7 if you like; if you don't, 8",
    "the answer is 7 where x>0 and 8 where x<0",
    "The answer is 7. 8 too.",
    "The answer is 7. 8 works too.",
    "\\boxed{7}\n\nP.S. 8 if 7 is refused",
    "The answer is the square of 7.",
    "The answer is the negation of 7.",
]


@pytest.mark.parametrize("text", HEDGES)
@pytest.mark.parametrize("gold", ["7", "8"])
def test_hedges_behind_the_answer_earn_nothing(text, gold):
    assert grade(text, gold).verdict in ("incorrect", "malformed")


@pytest.mark.parametrize(
    "text",
    [
        r"\boxed{7}. We used that x is 3 or 4.",
        r"\boxed{\frac{14}{2}}, or 7.",
        "\\boxed{7}\n\nAlternatively, 10 - 3 = 7.",
        "\\boxed{7}\n\nAlternatively, it is 7 by symmetry.",
        "The answer is 7 (or seven).",
        "The answer is 7 because 3 or 4 would be too small.",
        "The answer is 7 (since 3 + 4 = 7).",
        "The answer is 7, which may be written as 14/2.",
        "The answer is 7 when both are added.",
        "\\boxed{7}\n\nNote that $14$ is a factor of $42$, and all factors of $14$ are also factors of $42$.",
        r"Only $\boxed{7}$ has a remainder of 1 when divided by 2, 3, or 6.",
        r"\boxed{7}. We have $n^2 < 2^n$, or $n < 2^{n/2}$.",
        "\\boxed{7}\n\nCheck: 8 - 1 = 7, 5 + 2 = 7.",
        "\\boxed{7}. $3 + 4 = 7$",
        "\\boxed{7}\n\n7",
        r"\boxed{7}. $$25\equiv 7\pmod {18}.$$",
        r"\boxed{7}. The edges are equally likely where $AB$ and $CD$ meet.",
        "The answer is 7. This may be checked by hand.",
    ],
)
def test_what_is_no_hedge(text):
    assert grade(text, "7").verdict == "correct" if "14}" not in text else final_answer(text).defect == ""


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        *((f"The answer is {word} 7.", "7") for word in ("therefore", "simply", "exactly", "equal to", "thus", "just", "hence simply")),
        ("The answer is negative 7.", "-7"),
        ("minus 7", "-7"),
        ("negative seven", "-7"),
        ("Option A", "A"),
        ("The answer is option B.", "B"),
        ("The answer is choice (B).", "B"),
        ("The answer is B: 14", "B"),
        ("The answer is B: 14", r"\text{(B)}"),
        ("The answer is (A) because B is wrong.", "A"),
        ("The answer is C. Otherwise a side would be too long.", "C"),
        ("No solutions", "no solution"),
        ("no solution", r"\text{No solutions}"),
        ("7 mph", "7 miles per hour"),
        ("7 miles per hour", r"7\text{ mph}"),
        ("7 eighths", "7/8"),
        *((f"{word} x = 7", "7") for word in ("So", "Thus", "Hence,", "Therefore,")),
        ("So $x = 7$.", "7"),
        ("７", "7"),
        ("１２．５", "12.5"),
        ("{1,2}", "{2,1}"),
        ("{1,2}", r"\{1,2\}"),
        (r"\{1,2\}", "{2,1}"),
        ("$\\{2,1\\}$", "{1, 2}"),
        ("{10,000}", "10000"),
    ],
)
def test_right_answers_that_were_refused(answer, gold):
    found = grade(answer, gold)
    assert found.verdict == "correct", found


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("The answer is negative 7.", "7"),
        ("The answer is exactly 8.", "7"),
        ("Option B", "A"),
        ("The answer is B: 14", "A"),
        ("The answer is B: A", "A"),
        ("The answer is (A) because A is wrong.", "A"),
        ("The answer is (A) but B is right.", "B"),
        ("The answer is C. Otherwise D.", "C"),
        ("The answer is C. It could also be (D).", "C"),
        ("The answer is C. " + "B is wrong. " * 150 + "Wait, no.", "C"),
        ("The answer is 7. That is wrong.", "7"),
        ("No solutions", "two solutions"),
        ("7 mph", "7 kilometers per hour"),
        ("{1,2}", "(1,2)"),
        ("{1,2}", "{1,3}"),
    ],
)
def test_what_stays_wrong(answer, gold):
    assert grade(answer, gold).verdict != "correct"


@pytest.mark.parametrize(
    "piece",
    [
        "or ",
        "or else it is ",
        "maybe ",
        "if not ",
        "otherwise ",
        "B is wrong ",
        "8 is ",
        "or 8 ",
        "and 8 if ",
        "could also be ",
        ", it is",
        "$8$ ",
        "$",
        "8",
        "2, 3, or 4 ",
        "in case ",
        ", or 7",
        "\\n",
        "(",
        "8, 8, ",
        "\\\\text{",
    ],
)
def test_hostile_tails_take_no_time(piece):
    started = time.process_time()
    final_answer(r"\boxed{7} because " + piece * (390_000 // len(piece)))
    assert time.process_time() - started < 8.0  # a second alone; what is not linear takes minutes
