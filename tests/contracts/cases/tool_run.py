"""Cases of `tool_run`."""

from prm_gym.claims import AnswerSupport, Equality, ToolRun
from prm_gym.testing import claim_case

USES = ToolRun("ok", printed=True, used=("name total",))
TOOL_RUN = [
    claim_case("full", USES, label="correct"),
    claim_case("full", ToolRun("ok", printed=True, used=("value 1834",)), label="correct"),
    claim_case("zero", ToolRun("exception", error="ZeroDivisionError: division by zero"), label="incorrect"),
    *(claim_case("zero", ToolRun(status, printed=True, used=("name total",)), label="incorrect") for status in ("timeout", "memory", "output", "crash")),
    claim_case("zero", ToolRun("ok"), label="trivial"),
    claim_case("hack", ToolRun("ok", printed=True, repeated=True, used=("name total",)), label="trivial"),
    claim_case("hack", ToolRun("ok", printed=True, echoed=True, used=("name total",)), label="trivial"),
    claim_case("hack", ToolRun("ok", printed=True, defined=("x",)), label="neutral"),
    claim_case("hack", ToolRun("ok", defined=("y",), used=("name x",)), label="neutral"),
    claim_case("hack", ToolRun("ok", printed=True, used=("name x",), credited=1), label="neutral"),
    claim_case("zero", USES, ToolRun("crash"), label="incorrect"),
    claim_case("abstain", AnswerSupport("computed", 2)),
    claim_case("abstain", AnswerSupport("none", 0)),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"tool_run": TOOL_RUN}
