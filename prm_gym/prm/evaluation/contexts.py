"""Chains as the steps that verifiers judge.

A `StepContext` gives its chain back exactly (`prm_gym.chains.chain_of`), so that a model judges the text that is in the data. For verifiers of claims the
equations that are written in a step are claimed, and the final answer where the right one is known. Where nothing was seen between two steps the
observation is the problem: the steps so far stand in `previous`.
"""

from prm_gym.answers import final_answer
from prm_gym.chains import Chain
from prm_gym.claims import Claim, FinalAnswer
from prm_gym.task import Task, content_key
from prm_gym.text_claims import equalities
from prm_gym.verifier import PastStep, StepContext

INSTRUCTIONS = "Solve the problem step by step and state the answer at the end."


def contexts_of(chain: Chain, gold: str = "", with_claims: bool = True, ends_only: bool = False) -> list[StepContext]:
    """The steps of a chain as verifiers are given them, in order.

    Args:
        chain: the problem and the steps.
        gold: the right final answer, where it is known; goes into the sealed part of the task.
        with_claims: claim what is written in the steps.
        ends_only: the last step alone.
    """
    texts = [step.text for step in chain.steps]
    task = Task(key=content_key("eval-prm", chain.problem, gold), instructions=INSTRUCTIONS, question=chain.problem, sealed={"answer": gold} if gold else {})
    claims = _claims(texts, gold, chain.problem) if with_claims else [()] * len(texts)
    found: list[StepContext] = []
    past: list[PastStep] = []
    for index, step in enumerate(chain.steps):
        observation = step.seen or chain.problem
        if not ends_only or index == len(texts) - 1:
            found.append(
                StepContext(
                    task=task, observation=observation, action=step.text, claims=claims[index], previous=tuple(past), terminated=index == len(texts) - 1
                )
            )
        past.append(PastStep(observation, step.text, claims[index]))
    return found


def _claims(texts: list[str], gold: str, problem: str) -> list[tuple[Claim, ...]]:
    """The equations of every step, and the answer on the last step that states one, or on the last of all."""
    stating = [index for index, text in enumerate(texts) if final_answer(text).source in ("boxed", "marked", "said")]
    place = stating[-1] if stating else len(texts) - 1
    return [
        (*equalities(text, texts[:index], problem), *((FinalAnswer(answer=text, gold=gold, question=problem),) if gold and index == place else ()))
        for index, text in enumerate(texts)
    ]
