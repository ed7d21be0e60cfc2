"""Whether what is said about the run of a program is what happens."""

from collections.abc import Sequence

from prm_gym.claims import Claim, TraceAnswer
from prm_gym.errors import ProblemError
from prm_gym.programs import AnswerError, Trace, TraceRequest, Untraceable, is_encoding, is_right, traced, truth
from prm_gym.programs.limits import MAX_CASE_PARTS, code_defect, parts, well_typed
from prm_gym.verdict import Verdict, abstained, failed, judged
from prm_gym.verifiers.batched import SandboxedVerifier


class TraceVerifier(SandboxedVerifier):
    """Judges `TraceAnswer` claims by running the program under a tracer in the sandbox.

    - `correct`, 1: that is what happens.
    - `incorrect`, 0: something else happens.
    - `malformed`, 0: the answer is none of the kind that is asked for (no number, no Python literal).

    Answers: `next_line` a number, or "end" when the call is over; `value` and `result` a Python literal, which is read and never evaluated, and compared by
    type and value (floats up to 1e-9), "undefined" for a variable that is not there, and "raises ValueError" for a call that ends so; `type` the name of the
    class (`int`, or `<class 'int'>`); `branch` yes or no; `iterations` how often the body of the loop is entered in the whole call; `output` the text.

    The evidence holds what happens (`expected`) and the answer (`given`), each cut after 200 characters.

    Events are lines of the function and of the program's other functions, in order; comprehensions and lambdas count as part of their line.

    It abstains on programs that are not plain (other modules than those of pure computing, names and attributes that lead to frames, `eval` and the like: such
    a program could reach the tracer), on those that do not end within their limit, and on what differs between two runs; on values that are no plain
    data, or too large; and on questions that have no answer (no such event, no loop at that line). The order in which a set of texts is gone through is that
    of the sandbox's fixed hash seed.

    Source: the questions are those of ExecVerify; the tracer is our own.
    """

    id = "trace"
    version = "3"
    claims = (TraceAnswer,)

    def check_all(self, claims: Sequence[Claim]) -> list[Verdict]:
        """One verdict per claim; every call is traced once for all that is said about it.

        Raises:
            SandboxError: there is no sandbox here.
        """
        found: dict[int, Verdict] = {}
        places: dict[str, list[tuple[int, TraceAnswer]]] = {}
        requests: dict[str, TraceRequest] = {}
        for place, claim in enumerate(claims):
            read = well_typed(claim) if isinstance(claim, TraceAnswer) else None
            if read is None:
                found[place] = abstained("no well-formed claim of this kind")
            elif reason := _defect(read):
                found[place] = abstained(reason)
            else:
                key = repr((read.code, read.function, read.arguments))
                places.setdefault(key, []).append((place, read))
                requests[key] = TraceRequest(read.code, read.function, read.arguments)
        for key, trace in zip(requests, traced(self.sandbox, list(requests.values())), strict=True):
            found.update((place, _verdict(trace, claim)) for place, claim in places[key])
        return [found[place] for place in range(len(claims))]


def _verdict(trace: Trace | Untraceable, claim: TraceAnswer) -> Verdict:
    if isinstance(trace, Untraceable):
        return failed(trace.reason) if trace.fault else abstained(trace.reason)
    try:
        right = is_right(trace, claim)
    except AnswerError as error:
        return judged("malformed", 0.0, str(error), given=claim.answer[:200])
    except ProblemError as error:
        return abstained(str(error))
    evidence = {"expected": truth(trace, claim), "given": claim.answer[:200]}
    return judged("correct", 1.0, "so it is", **evidence) if right else judged("incorrect", 0.0, "something else happens", **evidence)


def _defect(claim: TraceAnswer) -> str:
    """Why a claim cannot be judged; empty where it can."""
    arguments = list(claim.arguments)
    if parts(arguments, MAX_CASE_PARTS) > MAX_CASE_PARTS or not is_encoding(arguments):
        return "the arguments are no encoded values"
    return code_defect(claim.code, claim.function)
