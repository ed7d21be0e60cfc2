"""The page on language models names every option there is."""

import re
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from prm_gym.agents.causal_lm.learning_options import LearningOptions
from prm_gym.agents.causal_lm.options import ActingOptions, ImitationOptions, ModelOptions, ServerOptions

PAGE = Path(__file__).parents[3] / "docs" / "language_models.md"


@pytest.mark.parametrize("kind", [ModelOptions, ActingOptions, ImitationOptions, ServerOptions, LearningOptions])
def test_every_option_stands_in_the_table(kind):
    if not PAGE.is_file():
        pytest.skip("the pages are not here")
    named = {name for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|") for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    shared = {"seed", "temperature"} if kind is LearningOptions else set()  # those of the policy
    assert set(kind.__struct_fields__) - shared - named == set()
