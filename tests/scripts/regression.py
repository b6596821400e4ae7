"""Regression: a small network learns a noisy curve, and a line is fitted with parameters of one's own."""

import torch
from torch import nn


def fit_line(x, y):
    """Gradient descent by hand: no module, no optimizer."""
    slope = torch.zeros(1, requires_grad=True)
    offset = torch.zeros(1, requires_grad=True)
    losses = []
    for _ in range(40):
        loss = ((x * slope + offset - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            for parameter in (slope, offset):
                parameter -= 0.3 * parameter.grad
                parameter.grad.zero_()
        losses.append(loss.item())
    return losses


def main():
    torch.manual_seed(1)
    x = torch.linspace(-1, 1, 100).unsqueeze(1)
    y = torch.sin(3 * x) + 0.1 * torch.randn(100, 1)
    losses = fit_line(x, y)
    print(f"line: loss {losses[0]:.4f} -> {losses[-1]:.4f}")

    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(100):
        prediction = model(x)
        loss = criterion(prediction, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if epoch % 25 == 24:
            print(f"network: epoch {epoch + 1}, loss {loss.item():.4f}")
    return losses


if __name__ == "__main__":
    main()
