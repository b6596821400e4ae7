"""A variational autoencoder of small striped images."""

import torch
from torch import nn
from torch.nn import functional as F


class VAE(nn.Module):
    def __init__(self, pixels=64, hidden=32, latent=4):
        super().__init__()
        self.fc1 = nn.Linear(pixels, hidden)
        self.fc21 = nn.Linear(hidden, latent)
        self.fc22 = nn.Linear(hidden, latent)
        self.fc3 = nn.Linear(latent, hidden)
        self.fc4 = nn.Linear(hidden, pixels)

    def encode(self, x):
        h = F.silu(self.fc1(x))
        return self.fc21(h), self.fc22(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.silu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 64))
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(reconstruction, x, mu, logvar):
    bce = F.binary_cross_entropy(reconstruction, x.view(-1, 64), reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld


def main():
    torch.manual_seed(4)
    grid = torch.arange(8.0)
    phase, step = torch.rand(128, 1), torch.randint(1, 4, (128, 1))
    stripes = (torch.sin(grid * step + 6 * phase) + 1) / 2
    images = stripes.unsqueeze(1).expand(-1, 8, -1).contiguous()
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for epoch in range(20):
        for batch in images.split(32):
            optimizer.zero_grad()
            reconstruction, mu, logvar = model(batch)
            loss = loss_function(reconstruction, batch, mu, logvar)
            loss.backward()
            optimizer.step()
            losses.append(loss.item() / len(batch))
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1}: loss {losses[-1]:.3f}")
    with torch.no_grad():
        sample = model.decode(torch.randn(3, 4))
    losses.append(sample.mean().item())
    return losses


if __name__ == "__main__":
    main()
