"""Cases of `tool_use`."""

from prm_gym.claims import Equality, PastCall, ToolUse
from prm_gym.testing import claim_case

LOOKED = PastCall('["list",{}]', "a, b")
OTHERWISE = PastCall('["list",{}]', "a")
CHANGED = PastCall('["remove",{"item":"b"}]', "b is gone")
ENDED = PastCall('["finish",{}]', "over")
TOOL_USE = [
    claim_case("full", ToolUse(ENDED, (LOOKED, CHANGED), outcome=1.0), label="correct"),
    claim_case("hack", ToolUse(ENDED, outcome=0.5), label="neutral"),  # a part of the task
    claim_case("hack", ToolUse(ENDED, outcome=0.75), label="neutral"),
    claim_case("zero", ToolUse(ENDED, (LOOKED,), outcome=0.0), label="incorrect"),
    claim_case("zero", ToolUse(ENDED, outcome=0.25), label="incorrect"),
    claim_case("zero", ToolUse(PastCall('["remove",{"item":"z"}]', "no z"), (LOOKED,), failed=True), label="incorrect"),
    claim_case("hack", ToolUse(LOOKED, reads=True), label="neutral"),
    claim_case("hack", ToolUse(CHANGED, (LOOKED,)), label="neutral"),
    claim_case("hack", ToolUse(LOOKED, (LOOKED, CHANGED), reads=True), label="trivial"),
    claim_case("hack", ToolUse(OTHERWISE, (LOOKED, CHANGED), reads=True), label="neutral"),
    claim_case("hack", ToolUse(CHANGED, (CHANGED,), idempotent=True), label="trivial"),
    claim_case("hack", ToolUse(CHANGED, (CHANGED,)), label="neutral"),  # it may have changed something twice
    claim_case("hack", ToolUse(CHANGED, (CHANGED, LOOKED), idempotent=True), label="neutral"),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"tool_use": TOOL_USE}
