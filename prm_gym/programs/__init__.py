"""Programs about programs: cases run against a candidate, traces of calls, and variants of a program. Every program runs in the sandbox.

run_trials(sandbox, [Trial("def f(x): return x", "f", (Case((1,), 1),))])     # what came of every case
traced(sandbox, [TraceRequest("def f(x): return x", "f", (1,))])              # the lines that ran, and the variables
statement_variants(sandbox, [(code, 2)])                                      # the program without its second line, and with others in its place
"""

from prm_gym.programs.encodings import brief, comparable, encoded_json, is_encoding, plain_json
from prm_gym.programs.literals import literal
from prm_gym.programs.traces import AnswerError, Block, Event, Trace, TraceRequest, Untraceable, Variable, is_right, printed_lines, traced, truth
from prm_gym.programs.trials import CaseOutcome, Trial, run_trials
from prm_gym.programs.variants import NoVariants, Tried, Variant, mutants_tried, statement_variants

__all__ = [
    "AnswerError",
    "Block",
    "CaseOutcome",
    "Event",
    "NoVariants",
    "Trace",
    "TraceRequest",
    "Trial",
    "Tried",
    "Untraceable",
    "Variable",
    "Variant",
    "brief",
    "comparable",
    "encoded_json",
    "is_encoding",
    "is_right",
    "literal",
    "mutants_tried",
    "plain_json",
    "printed_lines",
    "run_trials",
    "statement_variants",
    "traced",
    "truth",
]
