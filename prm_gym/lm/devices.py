"""Where a model computes."""

from typing import Any

from prm_gym.errors import OptionError

DEVICES = ("auto", "cpu", "cuda")


def device_of(torch: Any, device: str) -> str:
    """The device of a name: "auto" is CUDA where there is one.

    Args:
        torch: the module.
        device: "auto", "cpu", "cuda" or "cuda:NUMBER".

    Raises:
        OptionError: there is no such device here.
    """
    if device not in DEVICES and not (device.startswith("cuda:") and device[5:].isdigit()):
        raise OptionError(f"device is one of {', '.join(DEVICES)} or cuda:NUMBER, got {device!r}")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise OptionError(f"device is {device!r}, and torch finds no CUDA here")
    return device
