"""Written solutions, judged step by step, for scorers that may be asked from any thread or event loop."""

import asyncio
import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from prm_gym.errors import OptionError
from prm_gym.labelling.labeller import label_together
from prm_gym.labelling.solutions import solution_trajectory
from prm_gym.trajectory import Trajectory
from prm_gym.verifier import VerifierSpec, make_verifiers

UNKNOWN = "(the problem is not given)"


class SolutionJudge:
    """Judges solutions by verifiers that live in a thread of their own, since some are bound to the thread that made them."""

    def __init__(self, verifiers: Sequence[VerifierSpec]) -> None:
        """Make the verifiers.

        Args:
            verifiers: that judge text, or claims of equations and final answers; [] to have the answer graded alone.

        Raises:
            UnknownNameError: no verifier has that name.
            OptionError: a specification cannot be read, or a verifier is not pure.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prm_gym solutions")
        self._verifiers = self._thread.submit(make_verifiers, verifiers).result()

    def judge(self, problem: str, written: str | Sequence[str], gold: str | None = None) -> Trajectory | str:
        """The steps of a solution with their verdicts, and its outcome (1 or 0; None where it cannot be told or `gold` is None); or why there are no steps.

        Args:
            problem: what it solves; "" where that is not known.
            written: the solution, which is split into steps, or its steps.
            gold: the right answer, or a worked solution that ends with it.
        """
        return self._thread.submit(self._judge, problem, written, gold).result()

    async def judge_async(self, problem: str, written: str | Sequence[str], gold: str | None = None) -> Trajectory | str:
        """`judge`, without blocking the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, functools.partial(self._judge, problem, written, gold))

    def close(self) -> None:
        """Close the verifiers and end the thread."""
        for verifier in self._verifiers:
            self._thread.submit(verifier.close).result()
        self._thread.shutdown()

    def _judge(self, problem: str, written: str | Sequence[str], gold: str | None) -> Trajectory | str:
        steps = written if isinstance(written, str) else list(written)
        try:
            trajectory = solution_trajectory({"problem": problem if problem.strip() else UNKNOWN, "response": steps, "gold": gold or None}, "solution")
        except OptionError as error:  # nothing was written, or more than can be judged
            return str(error)
        return label_together([trajectory], self._verifiers)[0]
