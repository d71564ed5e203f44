"""The recorder that attaches to a PyTorch training loop. Only here PyTorch is imported."""

from torch.optim import Optimizer

from steepest.watching.attached import Attached
from steepest.watching.tensors import Watched

__all__ = ["Attached", "Optimizer", "Watched"]
