"""An ordinary training program: it knows nothing of RMixer, and takes its own options."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--lr", type=float, default=0.01)
options = parser.parse_args()

torch.manual_seed(0)
samples = torch.randn(20_000, 32)
clicks = (samples[:, 0] * samples[:, 1] > 0).float()
loader = DataLoader(TensorDataset(samples, clicks), options.batch, shuffle=True, drop_last=True)

network = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(network.parameters(), lr=options.lr)
loss_of = nn.BCEWithLogitsLoss()

step = 0
while step < options.steps:
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = loss_of(network(inputs).squeeze(1), labels)
        loss.backward()
        optimizer.step()
        step += 1
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.3f}")
        if step >= options.steps:
            break
