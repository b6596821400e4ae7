"""One network under many learning-rate schedules, with parameter groups and gradient clipping."""

import torch
import torch.nn as nn
from torch.optim import lr_scheduler


def make(name, optimizer, steps):
    if name == "step":
        return lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.5)
    if name == "multistep":
        return lr_scheduler.MultiStepLR(optimizer, milestones=[5, 20], gamma=0.3)
    if name == "exponential":
        return lr_scheduler.ExponentialLR(optimizer, gamma=0.95)
    if name == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps, eta_min=1e-4)
    if name == "lambda":
        return lr_scheduler.LambdaLR(optimizer, lr_lambda=[lambda s: 1 / (1 + 0.1 * s), lambda s: 0.97**s])
    if name == "onecycle":
        return lr_scheduler.OneCycleLR(optimizer, max_lr=[0.2, 0.1], total_steps=steps)
    if name == "plateau":
        return lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2)
    warm_up = lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=5)
    decay = lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps - 5)
    return lr_scheduler.SequentialLR(optimizer, [warm_up, decay], milestones=[5])


def main():
    torch.manual_seed(10)
    x = torch.randn(64, 5)
    y = (x[:, :1] * x[:, 1:2]).tanh() + 0.1 * x.sum(1, keepdim=True)
    history = []
    for name in ("step", "multistep", "exponential", "cosine", "lambda", "onecycle", "plateau", "warm-up"):
        model = nn.Sequential(nn.Linear(5, 16), nn.ELU(), nn.Linear(16, 1))
        optimizer = torch.optim.SGD([
            {"params": model[0].parameters()},
            {"params": model[2].parameters(), "lr": 0.05, "weight_decay": 1e-3},
        ], lr=0.1, momentum=0.9)
        scheduler = make(name, optimizer, 30)
        for _ in range(30):
            optimizer.zero_grad()
            loss = nn.functional.huber_loss(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
            if name == "plateau":
                scheduler.step(loss.item())
            else:
                scheduler.step()
            history += [loss.item(), *(group["lr"] for group in optimizer.param_groups)]
        print(f"{name:>11}: loss {loss.item():.5f}, last rates {[round(g['lr'], 5) for g in optimizer.param_groups]}")
    return history


if __name__ == "__main__":
    main()
