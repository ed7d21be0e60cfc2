"""The environments and how they reach Gymnasium's registry.

To add one: write its module and add a line to `ENVIRONMENTS`. The contract tests run over this table.
"""

import gymnasium

from prm_gym.errors import DuplicateNameError

ENVIRONMENTS: dict[str, str] = {
    "prm_gym/Algebra-v0": "prm_gym.envs.math.algebra:AlgebraEnv",
    "prm_gym/Beam-v0": "prm_gym.envs.math.beam:BeamEnv",
    "prm_gym/Calendar-v0": "prm_gym.envs.tools.calendar:CalendarEnv",
    "prm_gym/CodeSteps-v0": "prm_gym.envs.tools.code_steps:CodeStepsEnv",
    "prm_gym/Constraints-v0": "prm_gym.envs.logic.constraints:ConstraintsEnv",
    "prm_gym/Countdown-v0": "prm_gym.envs.math.countdown:CountdownEnv",
    "prm_gym/Deduction-v0": "prm_gym.envs.logic.deduction:DeductionEnv",
    "prm_gym/KnightsAndKnaves-v0": "prm_gym.envs.logic.knights_and_knaves:KnightsAndKnavesEnv",
    "prm_gym/MCP-v0": "prm_gym.envs.adapters.mcp:McpEnv",
    "prm_gym/Mail-v0": "prm_gym.envs.web.mail:MailEnv",
    "prm_gym/MathDataset-v0": "prm_gym.envs.math.dataset:MathDatasetEnv",
    "prm_gym/MiniWoB-v0": "prm_gym.envs.web.miniwob:MiniWobEnv",
    "prm_gym/Minesweeper-v0": "prm_gym.envs.logic.minesweeper:MinesweeperEnv",
    "prm_gym/NaturalDeduction-v0": "prm_gym.envs.logic.natural_deduction:NaturalDeductionEnv",
    "prm_gym/PageBuilding-v0": "prm_gym.envs.web.page_building:PageBuildingEnv",
    "prm_gym/PythonTool-v0": "prm_gym.envs.tools.python_tool:PythonToolEnv",
    "prm_gym/ReasoningGym-v0": "prm_gym.envs.adapters.reasoning_gym:ReasoningGymEnv",
    "prm_gym/Retail-v0": "prm_gym.envs.tools.retail:RetailEnv",
    "prm_gym/SQL-v0": "prm_gym.envs.tools.sql:SqlEnv",
    "prm_gym/Search-v0": "prm_gym.envs.tools.search:SearchEnv",
    "prm_gym/Shop-v0": "prm_gym.envs.web.shop:ShopEnv",
    "prm_gym/Sokoban-v0": "prm_gym.envs.logic.sokoban:SokobanEnv",
    "prm_gym/Sudoku-v0": "prm_gym.envs.logic.sudoku:SudokuEnv",
    "prm_gym/Tables-v0": "prm_gym.envs.tools.tables:TablesEnv",
    "prm_gym/TraceSteps-v0": "prm_gym.envs.tools.trace_steps:TraceStepsEnv",
    "prm_gym/Tracker-v0": "prm_gym.envs.web.tracker:TrackerEnv",
    "prm_gym/WordProblems-v0": "prm_gym.envs.math.word_problems:WordProblemsEnv",
}
OVER_YOURS: dict[str, str] = {
    "prm_gym/BrowserGym-v0": "prm_gym.envs.adapters.browsergym:BrowserGymEnv",
    "prm_gym/Remote-v0": "prm_gym.serving.client:RemoteEnv",
    "prm_gym/OpenEnv-v0": "prm_gym.envs.adapters.openenv:OpenEnvEnv",
    "prm_gym/Site-v0": "prm_gym.envs.web.own_site:SiteEnv",
}  # environments over what the user brings: without it they cannot be made, and what the contract tests ask of all they show in their own tests


def register(env_id: str, entry_point: str) -> None:
    """Register a step environment, scalar and vector form, with Gymnasium. Nothing is imported yet.

    Args:
        env_id: such as "my_package/Puzzle-v0".
        entry_point: "package.module:Class" of a `StepEnv`.

    Raises:
        DuplicateNameError: the id belongs to another environment.
    """
    known = gymnasium.registry.get(env_id)
    if known is not None:
        if known.entry_point == entry_point:
            return
        raise DuplicateNameError(f"the environment id {env_id!r} belongs to {known.entry_point}; choose another id for {entry_point}")
    vector = "prm_gym.vector:" + entry_point.replace(":", ".")
    gymnasium.register(env_id, entry_point=entry_point, vector_entry_point=vector)


def register_all() -> None:
    """Register every environment of this package."""
    for env_id, entry_point in (ENVIRONMENTS | OVER_YOURS).items():
        register(env_id, entry_point)
