"""Classification: three spiral arms, a DataLoader, and an accuracy at the end of each epoch."""

import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Classifier(nn.Module):
    def __init__(self, hidden=48, classes=3):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.1),
            nn.Linear(hidden, classes),
        )

    def forward(self, x):
        return self.layers(x)


def spirals(each, classes=3):
    radius = torch.linspace(0.1, 1, each)
    points, labels = [], []
    for k in range(classes):
        angle = torch.linspace(0, 4, each) + 2 * math.pi * k / classes + 0.1 * torch.randn(each)
        points.append(torch.stack([radius * torch.sin(angle), radius * torch.cos(angle)], dim=1))
        labels.append(torch.full((each,), k, dtype=torch.long))
    return torch.cat(points), torch.cat(labels)


def main():
    torch.manual_seed(2)
    x, y = spirals(60)
    loader = DataLoader(TensorDataset(x, y), batch_size=30, shuffle=True, generator=torch.Generator().manual_seed(5))
    model = Classifier()
    loss_fn = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9, weight_decay=1e-4, nesterov=True)
    losses = []
    for epoch in range(15):
        model.train()
        for batch, target in loader:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_fn(model(batch), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            accuracy = (model(x).argmax(dim=1) == y).float().mean().item()
        losses.append(1 - accuracy)
        print(f"epoch {epoch + 1:2d}: loss {loss.item():.4f}, accuracy {accuracy:.1%}")
    return losses


if __name__ == "__main__":
    main()
