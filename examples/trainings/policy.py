"""PPO on the cart with a pole (Barto, Sutton and Anderson 1983), sixteen carts at once."""

import sys

import steepest
import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(0)
rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
carts, horizon, passes, batch, discount, smoothing = 16, 64, 4, 256, 0.99, 0.95


def moved(state, action):
    """The next state (carts, 4) after a push to the left (0) or to the right (1)."""
    x, speed, angle, turning = state.unbind(1)
    push = (20.0 * action - 10.0 + 0.05 * turning**2 * angle.sin()) / 1.1
    bend = (9.8 * angle.sin() - angle.cos() * push) / (0.5 * (4 / 3 - 0.1 * angle.cos() ** 2 / 1.1))
    pulled = push - 0.05 * bend * angle.cos() / 1.1
    change = torch.stack([speed, pulled, turning, bend], 1)
    return state + 0.02 * change


def begun(count):
    return 0.1 * torch.rand(count, 4) - 0.05


def network(outputs):
    return nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, outputs))


model = nn.ModuleDict({"policy": network(2), "value": network(1)})
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-5)

state = begun(carts)
watch = steepest.watch(model, optimizer, name="policy")
for _ in range(rounds):
    states, actions, chances, values, ended = [], [], [], [], []
    with torch.no_grad():
        for _ in range(horizon):
            choice = Categorical(logits=model["policy"](state))
            action = choice.sample()
            states.append(state)
            actions.append(action)
            chances.append(choice.log_prob(action))
            values.append(model["value"](state).squeeze(1))
            state = moved(state, action)
            over = (state[:, 0].abs() > 2.4) | (state[:, 2].abs() > 0.2095)
            ended.append(over.float())
            state = torch.where(over[:, None], begun(carts), state)
        coming, gained, gains = model["value"](state).squeeze(1), torch.zeros(carts), []
        for value, over in zip(reversed(values), reversed(ended), strict=True):
            surprise = 1.0 + discount * coming * (1 - over) - value
            gained = surprise + discount * smoothing * (1 - over) * gained
            gains.insert(0, gained)
            coming = value
    rows = [torch.cat(one) for one in (states, actions, chances, gains, values)]
    for _ in range(passes):
        for place in torch.randperm(carts * horizon).split(batch):
            seen, action, chance, gain, value = (one[place] for one in rows)
            choice = Categorical(logits=model["policy"](seen))
            ratio = (choice.log_prob(action) - chance).exp()
            worth = (gain - gain.mean()) / (gain.std() + 1e-8)
            better = torch.minimum(ratio * worth, ratio.clamp(0.8, 1.2) * worth)
            missed = (model["value"](seen).squeeze(1) - (gain + value)).square()
            loss = -better.mean() + 0.5 * missed.mean() - 0.01 * choice.entropy().mean()
            watch.loss(loss)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
watch.close()
print(watch.run)
