"""A convolutional network that tells bars from crosses and blobs, in the style of a first MNIST example."""

import torch
import torch.nn.functional as F
from torch import nn, optim


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, kernel_size=3, padding=1)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(16 * 3 * 3, 32)
        self.fc2 = nn.Linear(32, 3)

    def forward(self, x):
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = F.dropout(F.relu(self.fc1(x)), p=0.25, training=self.training)
        return F.log_softmax(self.fc2(x), dim=1)


def pictures(count, side=16):
    """Noisy images with a bar, a cross or a blob at a random place."""
    images = 0.3 * torch.randn(count, 1, side, side)
    labels = torch.randint(0, 3, (count,))
    rows, columns = torch.randint(3, side - 3, (count,)), torch.randint(3, side - 3, (count,))
    for i in range(count):
        r, c = rows[i].item(), columns[i].item()
        if labels[i] == 0:
            images[i, 0, r - 3 : r + 3, c] += 2
        elif labels[i] == 1:
            images[i, 0, r - 2 : r + 3, c] += 2
            images[i, 0, r, c - 2 : c + 3] += 2
        else:
            images[i, 0, r - 1 : r + 2, c - 1 : c + 2] += 2
    return images, labels


def main():
    torch.manual_seed(3)
    images, labels = pictures(160)
    model = Net()
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for epoch in range(5):
        model.train()
        correct = 0
        for start in range(0, len(images), 32):
            data, target = images[start : start + 32], labels[start : start + 32]
            optimizer.zero_grad()
            output = model(data)
            loss = F.nll_loss(output, target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            pred = output.argmax(dim=1, keepdim=True)
            correct += pred.eq(target.view_as(pred)).sum().item()
        print(f"epoch {epoch + 1}: loss {loss.item():.4f}, accuracy {100.0 * correct / len(images):.0f}%")
    model.eval()
    with torch.no_grad():
        losses.append(F.nll_loss(model(images), labels, reduction="sum").item() / len(images))
    return losses


if __name__ == "__main__":
    main()
