"""REINFORCE with a baseline: a pole is kept upright on a cart."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim


class Cart:
    """The usual cart and pole, with Euler's method."""

    def reset(self):
        self.state = (torch.rand(4) * 0.1 - 0.05).tolist()
        return torch.tensor(self.state)

    def step(self, action):
        x, v, angle, spin = self.state
        force = 10.0 if action == 1 else -10.0
        sine, cosine = math.sin(angle), math.cos(angle)
        push = (force + 0.05 * spin**2 * sine) / 1.1
        turn = (9.8 * sine - cosine * push) / (0.5 * (4 / 3 - 0.1 * cosine**2 / 1.1))
        speed = push - 0.05 * turn * cosine / 1.1
        self.state = [x + 0.02 * v, v + 0.02 * speed, angle + 0.02 * spin, spin + 0.02 * turn]
        done = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.2095
        return torch.tensor(self.state), 1.0, done


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 32)
        self.action_head = nn.Linear(32, 2)
        self.value_head = nn.Linear(32, 1)

    def forward(self, x):
        x = F.relu(self.affine1(x))
        return F.softmax(self.action_head(x), dim=-1), self.value_head(x)


def main():
    torch.manual_seed(8)
    env, policy = Cart(), Policy()
    optimizer = optim.Adam(policy.parameters(), lr=2e-2)
    history, running = [], 10.0
    for episode in range(25):
        state, log_probs, values, rewards, done = env.reset(), [], [], [], False
        while not done and len(rewards) < 60:
            probs, value = policy(state)
            action = torch.multinomial(probs, 1).item()
            log_probs.append(torch.log(probs[action]))
            values.append(value.squeeze())
            state, reward, done = env.step(action)
            rewards.append(reward)
        returns, total = [], 0.0
        for reward in rewards[::-1]:
            total = reward + 0.99 * total
            returns.insert(0, total)
        returns = torch.tensor(returns)
        returns = (returns - returns.mean()) / (returns.std() + 1e-8)
        values = torch.stack(values)
        advantage = returns - values.detach()
        loss = -(torch.stack(log_probs) * advantage).sum() + F.smooth_l1_loss(values, returns, reduction="sum")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running = 0.9 * running + 0.1 * len(rewards)
        history += [loss.item(), running]
        if episode % 5 == 4:
            print(f"episode {episode + 1}: length {len(rewards)}, average {running:.1f}")
    return history


if __name__ == "__main__":
    main()
