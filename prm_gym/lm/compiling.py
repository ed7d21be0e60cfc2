"""torch.compile around the one step of a model that is run for every token that is written."""

import importlib.util
import os
import shutil
from typing import Any

from prm_gym.errors import MissingExtraError, OptionError

try:
    import torch
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error


def compiled_backbone(backbone: Any, device: torch.device) -> Any:
    """A backbone whose forward is compiled when it is first called, for rows and columns of any number.

    Args:
        backbone: of Hugging Face; its weights may change afterwards, in place.
        device: where it is.

    Raises:
        OptionError: what the compiler needs is not there.
    """
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        raise OptionError("compile=True needs the package triton on CUDA, and it is not installed; leave compile out, or install it")
    compiler = os.environ.get("CXX", "g++")
    if device.type == "cpu" and shutil.which(compiler) is None:
        raise OptionError(f"compile=True needs a C++ compiler on a CPU, and there is no {compiler!r} here; leave compile out, install one, or name it in CXX")
    return torch.compile(backbone, dynamic=True)
