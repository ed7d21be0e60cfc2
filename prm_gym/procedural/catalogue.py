"""Which data sets of reasoning-gym are served, which are not and why, and what their scorers do with an answer.

Every scorer of reasoning-gym 0.1.25 was read for this list. A data set that is not in it (of a later release, or registered by a third party) is refused:
its scorer may hand the answer to `eval`.
"""

from prm_gym.errors import OptionError, UnknownNameError

COMPOSITE = "composite"

_READ = """
ab acre advanced_geometry aiw arc_1d arc_agi base_conversion basic_arithmetic bf binary_alternation binary_matrix bitwise_arithmetic caesar_cipher
calendar_arithmetic chain_sum circuit_logic codeio color_cube_rotation complex_arithmetic count_bits count_primes countdown course_schedule cryptarithm
decimal_arithmetic decimal_chain_sum dice emoji_mystery family_relationships figlet_font fraction_simplification futoshiki game_of_life gcd graph_color
group_anagrams gsm_symbolic intermediate_integration isomorphic_strings jugs kakurasu knight_swap knights_knaves largest_island lcm leg_counting
letter_counting letter_jumble list_functions mahjong_puzzle manipulate_matrix maze mini_sudoku modulo_grid n_queens needle_haystack number_filtering
number_format number_sequence number_sorting palindrome_generation palindrome_partitioning path_star polynomial_equations polynomial_multiplication
pool_matrix power_function prime_factorization products quantum_lock ransom_note rearc rectangle_count rotate_matrix rotten_oranges rubiks_cube
self_reference sentence_reordering shortest_path simple_equations simple_geometry simple_integration sokoban spell_backward spiral_matrix
string_insertion string_manipulation string_splitting string_synthesis sudoku survo syllogism time_intervals tower_of_hanoi tsumego word_ladder
word_sequence_reversal word_sorting zebra_puzzles
"""
SERVED = frozenset(_READ.split())

REFUSED: dict[str, str] = {
    "boxnet": "it has no known answer, so nothing shows that a task can be solved",
    "coin_flip": "its scorer pays the full score for the answer '0' (it compares prefixes)",
    "game_of_life_halting": "its scorer pays the full score for any answer that is not empty",
    "propositional_logic": "its scorer pays the full score for a copied premise",
    "puzzle24": "its scorer pays the full score for '6*4*1*1', whatever the numbers are",
    "rush_hour": "it has no known answer, so nothing shows that a task can be solved",
}

# Their scorers call `eval` on an answer that is not the known one (and would then pay at most 0.1, n_queens 0.5): such an answer is wrong here, unseen.
COMPARED = frozenset({"binary_matrix", "n_queens", "spiral_matrix", "string_insertion"})

# Their scorers hand the answer to `sympy.parse_expr`, which evaluates it.
EVALUATED = frozenset({"countdown", "intermediate_integration", "polynomial_multiplication", "simple_integration"})

# Their scorers read NaN, which compares as they like: the full score.
NUMBERS_ONLY: dict[str, str] = {"complex_arithmetic": r"[0-9eij.,+\-()\s]*", "number_sorting": r"[0-9eE.,+\-\[\]'\"\s]*"}

# Their scorers pay much for nothing (game_of_life 0.96 for a board of dead cells, prime_factorization 0.5 for the number
# itself): what is not the full score is 0.
ALL_OR_NOTHING = frozenset({"game_of_life", "prime_factorization"})

# Their scorers evaluate a part of the entry, which is of this form.
ENTRY_PARTS: dict[str, tuple[str, str]] = {
    "bitwise_arithmetic": ("problem", r"[0-9a-fx+*<>()\s-]*"),
    "number_sorting": ("answer", r"[0-9.,\-\[\]'\s]*"),
}

# Data sets whose entries hold no answer but an example of one in their metadata.
EXAMPLES: dict[str, str] = {"graph_color": "possible_answer", "rubiks_cube": "example_correct_answer"}

# Metadata that a scorer compares as tuples, and JSON makes into lists.
TUPLES: dict[str, str] = {"arc_agi": "output", "rearc": "output"}


def refuse(dataset: str) -> None:
    """Refuse a data set that is not served.

    Raises:
        OptionError: it is known to be unfit, or not known at all; says why, or the near miss.
    """
    if dataset in REFUSED:
        raise OptionError(f"the data set {dataset!r} of reasoning-gym is not served: {REFUSED[dataset]}")
    if dataset not in SERVED and dataset != COMPOSITE:
        raise OptionError(str(UnknownNameError("data set of reasoning-gym that has been read and is served", str(dataset), {*SERVED, COMPOSITE})))
