"""The recorder that attaches to a PyTorch training loop. Only here PyTorch is imported."""

from steepest.watch.attached import Attached
from steepest.watch.tensors import Watched

__all__ = ["Attached", "Watched"]
