"""Tiny checkpoints of all families, each written and loaded once."""

import pytest

from prm_gym.chains import written


@pytest.fixture(scope="session")
def checkpoint_of(tmp_path_factory):
    """A function from the name of a family to its tiny checkpoint, loaded on the CPU in float32."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from prm_gym.prm.loading import load_checkpoint
    from prm_gym.testing.tiny_models import tiny_checkpoint

    root, loaded = tmp_path_factory.mktemp("checkpoints"), {}

    def load(name):
        if name not in loaded:
            loaded[name] = load_checkpoint(str(tiny_checkpoint(name, root / name)), family=name, device="cpu")
        return loaded[name]

    return load


@pytest.fixture(scope="session")
def chains():
    """Solutions of unequal lengths. Steps end with full stops and dollars, which tokenizers merge with a line break after them."""
    return [
        written("Janet has 3 eggs and buys 4 more. How many?", ["She has 3 + 4 = 7 eggs.", "The answer is $7$.", "It is 7."]),
        written("What is 12 - 5?", ["We get 12 - 5 = 7."]),
        written("Señor Müller hat 数学 😀?", ["Zwölf – 5 ist 7.", "Also 7 ✓.", "数学: 7。", "The answer is \\boxed{7}.", "Done."]),
        written("Add.", ["1 + 1 = 2.", "2 + 2 = 5."]),
    ]
