"""Claims: the typed, checkable statements that an environment makes about a step.

Claims are the common language between environments and verifiers: an environment emits them, a verifier declares which
types it understands and abstains on the rest. So any environment composes with any verifier, and neither imports the other.

A claim is a frozen record of plain JSON values, so that it can be stored with a trajectory and judged again later. Everything that is
needed to judge the claim is in the claim itself. To add one, subclass `Claim` and `msgspec.Struct` with a `tag`.
"""

from prm_gym.claims.claim import Claim, ForeignClaim, Json, Malformed, Sparse, Spoilt, claim_from_json, claim_types, decode_claims
from prm_gym.claims.code_steps import Probe, Refused
from prm_gym.claims.databases import Conclusion, Exploration, TableStep
from prm_gym.claims.logic import Answer, Consistent, Decision, Entailment, Equivalent, Statement
from prm_gym.claims.mathematics import Consequence, Equality, FinalAnswer, Identity, Reachable, ReasoningGymAnswer, SameSolutions
from prm_gym.claims.page_tests import PageTest, PageTests, PageTestStep
from prm_gym.claims.pages import PageShown, PageStep
from prm_gym.claims.programs import Case, Program, QueryResult, StatementEffect, Talk, TraceAnswer
from prm_gym.claims.puzzles import Assignment, Progress, Safest, Solution
from prm_gym.claims.search import Hop, Retrieval, SupportedAnswer
from prm_gym.claims.state import Gap, Reference, RowChange, Rule, StateStep, StepKind, Value
from prm_gym.claims.tool_run import AnswerSupport, ToolRun
from prm_gym.claims.tool_use import PastCall, ToolUse
from prm_gym.claims.web import CartMatch, Offer, WantedItem

__all__ = [
    "Answer",
    "AnswerSupport",
    "Assignment",
    "CartMatch",
    "Case",
    "Claim",
    "Conclusion",
    "Consequence",
    "Consistent",
    "Decision",
    "Entailment",
    "Equality",
    "Equivalent",
    "Exploration",
    "FinalAnswer",
    "ForeignClaim",
    "Gap",
    "Hop",
    "Identity",
    "Json",
    "Malformed",
    "Offer",
    "PageShown",
    "PageStep",
    "PageTest",
    "PageTestStep",
    "PageTests",
    "PastCall",
    "Probe",
    "Program",
    "Progress",
    "QueryResult",
    "Reachable",
    "ReasoningGymAnswer",
    "Reference",
    "Refused",
    "Retrieval",
    "RowChange",
    "Rule",
    "Safest",
    "SameSolutions",
    "Solution",
    "Sparse",
    "Spoilt",
    "StateStep",
    "Statement",
    "StatementEffect",
    "StepKind",
    "SupportedAnswer",
    "TableStep",
    "Talk",
    "ToolRun",
    "ToolUse",
    "TraceAnswer",
    "Value",
    "WantedItem",
    "claim_from_json",
    "claim_types",
    "decode_claims",
]
