"""What a user writes, checked with mypy by tests/test_types.py; a line that ends in `# wrong` is an error."""

import tinygrad_lite as tg
from tinygrad_lite import Tensor, nn
from tinygrad_lite.datasets import DataLoader, Dataset
from tinygrad_lite.nn import functional as F


def arithmetic(x: Tensor, y: Tensor) -> Tensor:
    z = x + 1
    z = 2 * z - y / 3
    z = (z @ y) ** 2
    z = -z + abs(x) % 2
    z += 1
    z = z[0, :, None]
    return z


def functions(x: Tensor) -> Tensor:
    y = tg.exp(x) + tg.log(x).sin() + tg.maximum(x, 0)
    y = tg.where(y > 0, y, 0.0)
    y = tg.cat([x, y], dim=0)
    y = tg.stack([x, y]).sum(dim=0, keepdim=True)
    y = y.mean().reshape(1, 1).permute(1, 0).squeeze(0)
    return y.clamp(min=0).exp_().add_(1)


def pairs(x: Tensor) -> tuple[Tensor, Tensor]:
    values, indices = x.max(dim=0)
    top = x.topk(2).values + tg.sort(x).values
    first, second = x.chunk(2)
    sign, logabsdet = tg.linalg.slogdet(x)
    x = tg.linalg.solve(x, tg.linalg.inv(x)) + tg.linalg.norm(x)
    low: Tensor = tg.min(x) + x.median() + tg.aminmax(x).max
    return values + top + low + first + second + sign + logabsdet, indices


def layers(x: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    y = F.relu(F.linear(x, weight))
    y = F.softmax(F.dropout(y, 0.5), dim=-1)
    loss = F.cross_entropy(y, target)
    return loss + F.mse_loss(y, y)


def train(x: Tensor, w: Tensor) -> float:
    loss = (x @ w - 1).square().mean()
    loss.backward()
    with tg.no_grad():
        if w.grad is not None:
            w -= 0.1 * w.grad
    number: float = loss.item()
    return number


def settings(x: Tensor) -> Tensor:
    y = tg.zeros(2, 3, requires_grad=True).to(tg.float64)
    return y + tg.randn(3) + x.to("cpu").float() + tg.pi


class Scale(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(tg.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x) * self.scale


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)
        self.bn = nn.BatchNorm1d(3)
        self.body = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), Scale(3))
        self.rnn = nn.LSTM(3, 3)
        self.register_buffer("mean", tg.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.fc(x)).relu() * 2
        y, (h, c) = self.rnn(self.body(x))
        return y + h + c - self.mean

    def centre(self) -> Tensor:
        return self.mean


def epoch(model: Net, data: Dataset, optimizer: tg.optim.SGD) -> float:
    total = 0.0
    criterion = nn.CrossEntropyLoss()
    for x, y in DataLoader(data, batch_size=2, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total


class Pairs(Dataset):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[float, int]:
        return float(index), index


def mistakes(x: Tensor) -> None:
    tg.exp("hello")  # wrong
    tg.exp(x, 1)  # wrong
    tg.cat(x)  # wrong
    x + "1"  # wrong
    x @ [1.0]  # wrong
    [1.0] - x  # wrong
    x.sum().nothing()  # wrong
    x.sum(dims=0)  # wrong
    x.reshape(3).exp(3)  # wrong
    x.max(dim=0).exp()  # wrong
    F.relu("x")  # wrong
    F.softmax(x, dim=0, inplace=True)  # wrong
    tg.expp(x)  # wrong
    y: int = x + 1  # wrong
    y = tg.sum(x)  # wrong
    x.exp_("1")  # wrong
    x += "1"  # wrong
    Net()("x")  # wrong
    nn.Linear(2, 3)(x, x)  # wrong
    nn.ReLU()(x).nothing()  # wrong
    Net().typo(x)  # wrong
