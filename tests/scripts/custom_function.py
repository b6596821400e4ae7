"""Functions with derivatives of their own: a polynomial, rounding that gradients pass straight through, a clamp."""

import math

import torch
from torch.autograd import Function


class LegendrePolynomial3(Function):
    """P3(x) = (5 x^3 - 3 x) / 2."""

    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


class RoundStraightThrough(Function):
    @staticmethod
    def forward(ctx, input, levels):
        ctx.levels = levels
        return torch.round(input * levels) / levels

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output, None


class GradientClamp(Function):
    """The identity, whose gradient is limited."""

    @staticmethod
    def forward(ctx, input, bound):
        ctx.bound = bound
        return input.clone()

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.clamp(-ctx.bound, ctx.bound), None


def main():
    torch.manual_seed(9)
    x = torch.linspace(-math.pi, math.pi, 200)
    y = torch.sin(x)
    a = torch.full((), 0.0, requires_grad=True)
    b = torch.full((), -1.0, requires_grad=True)
    c = torch.full((), 0.0, requires_grad=True)
    d = torch.full((), 0.3, requires_grad=True)
    losses = []
    for step in range(200):
        y_pred = a + b * LegendrePolynomial3.apply(c + d * x)
        loss = (y_pred - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            for parameter in (a, b, c, d):
                parameter -= 5e-6 * 20 * parameter.grad
                parameter.grad = None
        losses.append(loss.item())
        if step % 50 == 49:
            print(f"step {step + 1}: loss {loss.item():.4f}")

    weight = torch.randn(10, requires_grad=True)
    target = torch.rand(10)
    optimizer = torch.optim.SGD([weight], lr=0.5)
    for _ in range(30):
        quantised = RoundStraightThrough.apply(torch.sigmoid(GradientClamp.apply(weight, 0.05)), 16)
        loss = ((quantised - target) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"quantised: loss {losses[-1]:.4f}")
    return losses


if __name__ == "__main__":
    main()
