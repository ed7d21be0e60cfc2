"""Files of tensors: what is written is read, and what is torn is said to be so."""

import pytest

pytest.importorskip("safetensors")
pytest.importorskip("torch")

import torch

from prm_gym.errors import CheckpointError
from prm_gym.lm.tensor_files import read_header, read_tensors, write_tensors


def test_what_was_written_is_read_and_the_last_one_stands(tmp_path):
    path = tmp_path / "new" / "state.safetensors"
    one = torch.arange(6.0).reshape(2, 3)
    for factor in (1.0, 2.0):
        write_tensors(path, {"one": one.t() * factor, "shared": one, "again": one}, {"step": str(factor)})
    found = read_tensors(path)
    torch.testing.assert_close(found.tensors["one"], one.t() * 2.0)
    assert found.header["step"] == read_header(path)["step"] == "2.0"
    assert [each.name for each in path.parent.iterdir()] == ["state.safetensors"]


@pytest.mark.parametrize("content", [None, b"", b"torn", b"\x10" + b"\x00" * 7 + b"{not json here}"])
def test_what_cannot_be_read_is_an_error(tmp_path, content):
    path = tmp_path / "state.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_tensors(path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_header(path)
