"""gem-llm: `gem.make`, and the grader of its MathEnv (`gem.utils.math_grader.boxed_reward_fn`), with MathEnv's time limit of a second by a signal."""

import time
from collections.abc import Callable
from typing import Any

from measuring import Work, cold, graded, hostile, main, package, per_environment, rate

SUDOKU = "game:Sudoku-v0-hard"  # 9x9, 50 digits given
VECTOR = 64


def _grade(pair: dict[str, str]) -> bool:
    grader, environment = package("gem.utils.math_grader"), package("gem.envs.math_env")
    answer = f"The answer is $\\boxed{{{pair['answer']}}}$."
    return bool(grader.run_with_timeout_signal(environment.MathEnv.check_correct, args=(answer, pair["gold"]), timeout_seconds=1))


def sums(work: Work) -> dict[str, Any]:
    """Episodes of one step, with the questions and the scorer of reasoning-gym."""
    env = package("gem").make("rg:chain_sum", size=10_000)

    def answered(off: int) -> int:
        env.reset()
        _, reward, ended, _, _ = env.step(f"\\boxed{{{int(env.data['answer']) + off}}}")
        return int(ended and (reward == 1.0) != bool(off))

    return {
        "outcome only": rate(lambda: answered(0), work["seconds"]),
        "outcome only, wrong answers": rate(lambda: answered(1), work["seconds"]),
    }


def _moves(env: Any) -> list[str]:
    """The missing digits, row by row."""
    size = env.scale
    return [f"\\boxed{{{row + 1} {column + 1} {env.full_grid[row][column]}}}" for row in range(size) for column in range(size) if not env.board[row][column]]


def sudoku(work: Work) -> dict[str, Any]:
    """Right steps; its reward of a step says whether the digit is that of the solution it knows."""
    gem = package("gem")
    env, units, spent, seed = gem.make(SUDOKU), 0, 0.0, 0
    while spent < work["seconds"]:
        env.reset(seed=seed)
        moves, began, ended = _moves(env), time.perf_counter(), False
        for move in moves:
            _, _, ended, _, _ = env.step(move)
        if seed:  # the first one warms up
            units, spent = units + len(moves), spent + time.perf_counter() - began
        if not ended:
            raise SystemExit("a solved grid did not end the episode")
        seed += 1
    seeds = iter(range(10**9))

    def begin() -> int:
        env.reset(seed=next(seeds))
        return 1

    return {
        "verified": {"per_second": units / spent, "units": units, "seconds": spent},
        f"verified, vector of {VECTOR}": _vector(work),
        "resets": rate(begin, work["seconds"]),
    }


def _vector(work: Work) -> dict[str, float]:
    vector = package("gem").make_vec([SUDOKU] * VECTOR)
    units, spent, round_ = 0, 0.0, 0
    while spent < work["seconds"]:
        vector.reset()
        moves = [_moves(env) for env in vector.envs]
        began = time.perf_counter()
        for place in range(min(map(len, moves))):
            vector.step([each[place] for each in moves])
        if round_:
            units, spent = units + VECTOR * min(map(len, moves)), spent + time.perf_counter() - began
        round_ += 1
    return {"per_second": units / spent, "units": units, "seconds": spent}


def start(_: Work) -> dict[str, float]:
    """From nothing to the first step of Sudoku."""

    def load() -> Callable[[], Any]:
        gem = package("gem")

        def first() -> Any:
            env = gem.make(SUDOKU)
            env.reset(seed=0)
            env.step(_moves(env)[0])
            return env

        return first

    return cold(load)


def space(_: Work) -> dict[str, float]:
    """KiB of an environment of Sudoku, each with a grid of its own: making one begins an episode."""
    return per_environment(lambda: package("gem").make(SUDOKU), 60)


if __name__ == "__main__":
    main(
        {
            "answers": lambda work: graded(lambda pairs: [_grade(pair) for pair in pairs], work),
            "hostile": lambda work: hostile(_grade, work),
            "sums": sums,
            "sudoku": sudoku,
            "start": start,
            "space": space,
        }
    )
