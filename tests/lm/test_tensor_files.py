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


def test_equal_contents_are_equal_bytes(tmp_path):
    tensors = {"weights": torch.arange(6.0), "größer": torch.zeros(2, 2)}
    texts = {"format": "pt", "b": 'a "quoted"\n\x01 text of ümläuts', "a": "1", "": ""}
    for at in range(8):  # the library orders texts by chance: 1 of 24 orders eight times
        write_tensors(tmp_path / f"{at}.safetensors", tensors, dict(reversed(texts.items())) if at % 2 else texts)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    found = read_tensors(tmp_path / "0.safetensors")
    assert found.header == texts
    assert torch.equal(found.tensors["weights"], tensors["weights"])


@pytest.mark.parametrize("content", [None, b"", b"torn", b"\x10" + b"\x00" * 7 + b"{not json here}"])
def test_what_cannot_be_read_is_an_error(tmp_path, content):
    path = tmp_path / "state.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_tensors(path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_header(path)
