import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from prm_gym.errors import OptionError  # noqa: E402
from prm_gym.lm.compiling import compiled_backbone  # noqa: E402
from prm_gym.lm.generation import Generator  # noqa: E402
from prm_gym.lm.libraries import library  # noqa: E402
from prm_gym.lm.sampling import Sampling  # noqa: E402
from prm_gym.testing.tiny_models import tiny_config  # noqa: E402


def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return library("transformers").AutoModelForCausalLM.from_config(tiny_config("llama", 40, num_hidden_layers=1)).eval()


def test_without_a_compiler_it_says_so(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(OptionError, match=r"C\+\+ compiler .* no 'no-such-compiler' here"):
        compiled_backbone(torch.nn.Identity(), torch.device("cpu"))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("default")  # torch's compiler warns of its own parts
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_compiled_steps_write_what_plain_ones_write():
    net, rng = model(), np.random.default_rng(0)
    plain, compiled = Generator(net), Generator(net, compiled=True)
    for lengths in ((5, 9, 3), (40, 2, 70, 11)):  # other numbers of rows and columns; of the table as well
        contexts = [rng.integers(2, 40, size=length).tolist() for length in lengths]
        numbers = rng.random((len(lengths), 6))
        expected, found = (each.sample(contexts, [""] * len(lengths), numbers, Sampling(), lambda _: False) for each in (plain, compiled))
        assert [each.token_ids for each in found] == [each.token_ids for each in expected]
        assert np.allclose([each.logprobs for each in found], [each.logprobs for each in expected], atol=1e-5)
    with torch.no_grad():
        net.lm_head.weight.neg_()
        for weight in net.model.parameters():
            weight.mul_(1.1)  # weights that change in place are the compiled step's too
    plain.forget()
    compiled.forget()
    expected, found = (each.sample([[3, 4, 5], [6, 7]], ["", ""], np.full((2, 6), 0.5), Sampling(), lambda _: False) for each in (plain, compiled))
    assert [each.token_ids for each in found] == [each.token_ids for each in expected]
