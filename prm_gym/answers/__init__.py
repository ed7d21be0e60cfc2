"""Final answers: what a text states as its answer, and whether that is the gold answer.

    grade("... so the answer is 1/2.", gold="0.5").verdict      # "correct", "incorrect", "malformed" or "undecided"

Numbers are compared exactly, shapes (points, lists, sets, intervals) and units must fit, and an answer must be worked out: a restated problem is none.
What cannot be decided exactly is compared in killable worker processes; that needs the extra `math`.
"""

from prm_gym.answers.extraction import Extraction, final_answer
from prm_gym.answers.grader import Grade, Grader, GradeStatus, grade, grade_all
from prm_gym.answers.outcome import GradeVerdict

__all__ = ["Extraction", "Grade", "GradeStatus", "GradeVerdict", "Grader", "final_answer", "grade", "grade_all"]
