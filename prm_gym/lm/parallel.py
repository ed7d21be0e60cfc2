"""One update on several processes, which torchrun has started: replicated (DDP) or sharded (FSDP2), with the gradient of one process.

    torchrun --nproc-per-node 8 my_training.py          # with parallel="ddp" or "fsdp" in the options of the learner

Every process is given the same batch and computes its share of it. What a token counts for is settled over the whole batch before, so the sum of the shares is
the gradient; torch averages over processes, which is undone.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import Any, Literal, TypeAlias

from prm_gym.errors import MissingExtraError, OptionError

try:
    import torch
    from torch import Tensor, distributed, nn
    from torch.distributed.fsdp import FSDPModule, fully_shard
    from torch.distributed.tensor import DTensor, distribute_tensor
    from torch.nn.parallel import DistributedDataParallel
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

# Newer versions of torch have another name for it, and warn of the old one.
_DDP: Any = DistributedDataParallel
_RENAMED = "forward_sync_buffers" in signature(_DDP).parameters
_NO_BUFFERS: dict[str, Any] = {"forward_sync_buffers" if _RENAMED else "broadcast_buffers": False}

Strategy: TypeAlias = Literal["none", "ddp", "fsdp"]


class Parallel:
    """The processes of a training.

    Attributes:
        strategy: "none": this process alone; "ddp": every process has all weights; "fsdp": every process has a share of them.
        rank: of this process, from 0.
        size: how many there are.
    """

    def __init__(self, strategy: Strategy) -> None:
        """Join the others.

        Raises:
            OptionError: there are none: torchrun has not started this process.
        """
        self.strategy: Strategy = strategy
        if strategy == "none":
            self.rank, self.size = 0, 1
            return
        if not distributed.is_available() or not (distributed.is_initialized() or distributed.is_torchelastic_launched()):
            raise OptionError(f"parallel={strategy!r} needs processes: start the training with torchrun")
        if not distributed.is_initialized():
            distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        self.rank, self.size = distributed.get_rank(), distributed.get_world_size()

    def wrapped(self, network: nn.Module, layers: nn.ModuleList | None, frozen: bool = False) -> nn.Module:
        """The module to call in place of a network.

        Args:
            network: on its device, the same in every process.
            layers: of it, each of which is gathered when it is used ("fsdp"); None: gathered as a whole.
            frozen: it is only read.
        """
        if self.strategy == "fsdp":
            for layer in layers or ():
                fully_shard(layer)
            fully_shard(network)
            return network
        if self.strategy == "none" or frozen:
            return network
        # A value head is not part of every loss, and no buffer ever changes.
        return DistributedDataParallel(network, find_unused_parameters=True, **_NO_BUFFERS)

    def room(self, lengths: Sequence[int], most: int) -> int:
        """Tokens of a part of a batch such that every process gets one, at the most `most`.

        Args:
            lengths: of the sequences of the batch.
            most: that fit the memory.
        """
        return min(most, max(max(lengths, default=1), -(-sum(lengths) // self.size)))

    @contextmanager
    def part(self, module: nn.Module, last: bool) -> Generator[None]:
        """Around forward and backward pass of a part of a batch: gradients are exchanged after the last one alone."""
        if isinstance(module, FSDPModule):
            module.set_requires_gradient_sync(last)
            module.set_is_last_backward(last)
        if isinstance(module, DistributedDataParallel) and not last:
            with module.no_sync():
                yield
        else:
            yield

    def total(self, numbers: Tensor) -> Tensor:
        """The sum of numbers over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(numbers)
        return numbers


def whole(tensor: Tensor) -> Tensor:
    """A tensor with all its shards, for which every process has to ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def gather(sharded: nn.Module, model: nn.Module) -> None:
    """Copy the weights that are trained, whole, into a model of the same kind; every process has to call it."""
    weights = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in sharded.named_parameters():
            if weight.requires_grad:
                weights[name].copy_(whole(weight.detach()))


def like(value: Tensor, weight: Tensor) -> Tensor:
    """A whole tensor on the device of a weight, sharded as it is."""
    moved = value.to(weight.device)
    if isinstance(weight, DTensor):
        mesh: Any = weight.device_mesh
        return distribute_tensor(moved, mesh, weight.placements)
    return moved.clone()
