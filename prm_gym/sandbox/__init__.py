"""Untrusted code, isolated: Python programs, calls of their functions, tests against them, and SQL.

from prm_gym.sandbox import Sandbox

with Sandbox() as sandbox:
    sandbox.run("print(6 * 7)").stdout
"""

from prm_gym.sandbox.reading import SESSION_ENDED
from prm_gym.sandbox.result import CallResult, Calls, Doctor, Limits, Rows, Run, Tested, Tier
from prm_gym.sandbox.sandbox import Sandbox
from prm_gym.sandbox.tiers import TIERS, SandboxWarning, examine

__all__ = ["SESSION_ENDED", "TIERS", "CallResult", "Calls", "Doctor", "Limits", "Rows", "Run", "Sandbox", "SandboxWarning", "Tested", "Tier", "examine"]
