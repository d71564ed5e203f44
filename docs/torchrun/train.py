"""Train a small network in every process of a job, and have it watched.

On one machine: torchrun --standalone --nproc-per-node 2 train.py
"""

import os
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import steepest

with_gpu = torch.cuda.is_available()
torch.distributed.init_process_group("nccl" if with_gpu else "gloo")
rank, processes = torch.distributed.get_rank(), torch.distributed.get_world_size()
device = torch.device("cpu")
if with_gpu:
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(device)

# Your own model and data go here. Every process has the same.
torch.manual_seed(0)
inputs = torch.randn(4096, 20)
targets = inputs.sum(1, keepdim=True) + 0.1 * torch.randn(4096, 1)
network = torch.nn.Sequential(torch.nn.Linear(20, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))

model = DistributedDataParallel(network.to(device))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
rows = TensorDataset(inputs, targets)
sampler: DistributedSampler[Any] = DistributedSampler(rows, seed=0)
batches = DataLoader(rows, batch_size=32, sampler=sampler)

with steepest.watch(model, optimizer, name="ddp") as watch:
    for epoch in range(3):
        sampler.set_epoch(epoch)
        for x, y in batches:
            loss = (model(x.to(device)) - y.to(device)).square().mean()
            watch.loss(loss)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

# What `steepest runs show` does where all processes share a store, for processes that do not.
records: list[Any] = [None] * processes
torch.distributed.gather_object(watch.run.record, records if rank == 0 else None)
if rank == 0:
    together = type(watch.run)(steepest.ranks.merged(records))
    print(f"{processes} processes, run {watch.run.id}")
    print(together.verdict.headline)
    together.report("ddp.html", force=True)
torch.distributed.destroy_process_group()
