"""Who has what, with the line of the installed version that shows it.

    python benchmarks/peers/features.py          # prints the table of the README, and fails where a line is not there any more

A cell without a line means that we have looked through the package's files and found none. That is weaker than a line: something may hide under other names.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from roster import BASELINE, ROOT, build, folder
from tables import table

PACKAGES = {
    BASELINE: "prm_gym", "gem-llm": "gem", "reasoning-gym": "reasoning_gym", "openenv": "openenv", "browsergym": "browsergym", "verifiers": "verifiers",
    "skyrl-gym": "skyrl_gym", "trl": "trl", "verl": "verl",
}  # fmt: skip
Line = tuple[str, str]
"""A file of a package, and a text that one of its lines holds."""
FEATURES: Mapping[str, Mapping[str, Line]] = {
    "is a gymnasium.Env": {BASELINE: ("env.py", "class StepEnv(gymnasium.Env"), "browsergym": ("core/env.py", "class BrowserEnv(gym.Env")},
    "a reward for every step or turn": {
        BASELINE: ("rewards.py", "def reward(self"),
        "gem-llm": ("envs/game_env/sudoku.py", "reward for correct move"),
        "openenv": ("core/rubrics/trajectory.py", "compute_step_rewards"),
        "browsergym": ("core/env.py", "def step(self"),
        "skyrl-gym": ("envs/gsm8k/multi_turn_env.py", "Per-turn reward"),
        "verl": ("experimental/agent_loop/tool_agent_loop.py", "turn_scores"),
    },
    "a verdict that can say 'cannot tell'": {
        BASELINE: ("verdict.py", '"Cannot tell" is `score=None`'),
        "trl": ("rewards/accuracy_rewards.py", "list[float | None]"),
        "verifiers": ("v1/utils/decorators.py", "as unscored (`None`)"),
    },
    "a failed or late verifier is told from a wrong answer": {BASELINE: ("verdict.py", "`timeout`, `error` (the verifier failed)")},
    "steps checked by a solver": {BASELINE: ("logic/z3_solver.py", "import z3")},
    "GRPO and its kin as functions": {BASELINE: ("credit/grpo.py", "def grpo("), "verl": ("trainer/ppo/core_algos.py", "def compute_grpo_outcome_advantage")},
    "credit for single steps by state (GiGPO, SALT)": {BASELINE: ("credit/gigpo.py", "def gigpo(")},
    "state saved and put back": {BASELINE: ("env.py", "def restore("), "gem-llm": ("envs/math_env.py", "def set_state")},
    "curricula": {BASELINE: ("training/curricula.py", "def make_curriculum"), "reasoning-gym": ("graphs/course_schedule.py", "class CourseScheduleCurriculum")},
    "a hundred procedural data sets of its own": {"reasoning-gym": ("__init__.py", "create_dataset")},
    "several agents in one environment": {
        "gem-llm": ("multiagent/multi_agent_env.py", "class MultiAgentEnv"),
        "verifiers": ("v1/env.py", "A multi-agent env declares"),
    },
    "slow episodes hold up no others (asynchronous)": {
        "trl": ("experimental/async_grpo/async_rollout_worker.py", "class AsyncRolloutWorker"),
        "verifiers": ("v1/rollout.py", "async def step"),
        "verl": ("experimental/fully_async_policy/fully_async_rollouter.py", "class FullyAsyncRollouter"),
    },
    "stored episodes judged anew": {BASELINE: ("rescore.py", "def rescore("), "verifiers": ("v1/configs/cli/replay.py", "saved traces to re-score")},
    "stored episodes in a page, with their verdicts and credit": {BASELINE: ("commands/viewing.py", "def view(")},
    "tools of MCP servers": {
        BASELINE: ("envs/adapters/mcp.py", "class McpEnv"),
        "gem-llm": ("tools/mcp_tool.py", "fastmcp"),
        "openenv": ("core/mcp_client.py", "MCP Client classes"),
        "verifiers": ("v1/mcp/toolset.py", "from verifiers.v1.mcp.server"),
    },
    "works with another project of this table": {
        BASELINE: ("integrations/trl/step_trainer.py", "class StepGRPOTrainer"),
        "gem-llm": ("envs/reasoning_gym.py", "class ReasoningGymEnv"),
        "trl": ("experimental/async_grpo/openenv_harness.py", "from openenv.core.harness"),
        "verifiers": ("v1/tasksets/openenv/taskset.py", "openenv"),
    },
    "environments in containers": {
        "gem-llm": ("envs/terminal/docker_env.py", "docker"),
        "openenv": ("core/containers/runtime/modal_provider.py", "modal"),
        "verifiers": ("v1/runtimes/docker/__init__.py", "class Docker"),
    },
    "a hub or a catalogue of environments": {
        "openenv": ("cli/commands/push.py", "Hugging Face"),
        "verifiers": ("v1/tasksets/openenv/taskset.py", "openenv"),
    },
    "an environment behind a server": {
        BASELINE: ("commands/serving.py", "def serve("),
        "openenv": ("core/env_server/http_server.py", "def create_app"),
        "verifiers": ("v1/serve/__init__.py", "serve"),
    },
    "a verifier of steps behind a server": {BASELINE: ("serving/judges.py", "class ")},
    "pages in a browser, with screenshots": {BASELINE: ("browser/options.py", "screenshot"), "browsergym": ("core/env.py", '"screenshot"')},
    "images in problems": {"gem-llm": ("envs/math_visual_env.py", "class MathVisualEnv"), "verifiers": ("v1/types.py", "class ImageUrlContentPart")},
    "judges by language models": {
        BASELINE: ("verifiers/judge.py", "class JudgeVerifier"),
        "openenv": ("core/rubrics/llm_judge.py", "class LLMJudge"),
        "verifiers": ("v1/judge.py", "class Judge"),
    },
    "trains large models, with vLLM": {"trl": ("generation/vllm_generation.py", "vllm"), "verl": ("workers/rollout/vllm_rollout/vllm_async_server.py", "vllm")},
}


def package(peer: str) -> Path:
    """Where the package of a peer lies."""
    if peer == BASELINE:
        return ROOT / "prm_gym"
    (found,) = folder(peer).glob(f"lib/python*/site-packages/{PACKAGES[peer]}")
    return found


def evidence(root: Path, line: Line) -> str:
    """File and line number.

    Raises:
        LookupError: the file is not there, or none of its lines holds the text.
    """
    path, text = root / line[0], line[1]
    for number, written in enumerate(path.read_text(encoding="utf-8").splitlines() if path.is_file() else (), start=1):
        if text in written:
            return f"`{line[0]}:{number}`"
    raise LookupError(f"{path} has no line with {text!r}")


def rows(root_of: Callable[[str], Path]) -> list[tuple[str, str, str]]:
    """The rows of the table: the feature, our line, and the lines of the others, with the names of their packages.

    Args:
        root_of: where the package of a peer lies, by the peer's name.
    """
    found: list[tuple[str, str, str]] = []
    for name, lines in FEATURES.items():
        shown = {peer: evidence(root_of(peer), lines[peer]) for peer in PACKAGES if peer in lines}
        ours = shown.pop(BASELINE, "")
        found.append((name, ours, ", ".join(f"{peer} {where}" for peer, where in shown.items())))
    return found


def main() -> None:
    """Print the table."""
    for peer in PACKAGES:
        build(peer)
    print(table(("feature", BASELINE, "others"), rows(package)))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()  # --help must not begin the work
    main()
