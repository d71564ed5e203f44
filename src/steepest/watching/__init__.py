"""The recorder that attaches to a PyTorch training loop. Only here PyTorch is imported."""

from steepest.words.errors import needing

with needing("torch", "Watching a training needs PyTorch", install="steepest[torch]"):
    from torch.optim import Optimizer

    from steepest.watching.attached import Attached
    from steepest.watching.tensors import Watched

__all__ = ["Attached", "Optimizer", "Watched"]
