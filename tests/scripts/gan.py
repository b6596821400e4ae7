"""A generative adversarial network that learns points on a ring."""

import math

import torch
import torch.nn as nn

NOISE = 8


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(NOISE, 32), nn.BatchNorm1d(32), nn.ReLU(True), nn.Linear(32, 32), nn.ReLU(True), nn.Linear(32, 2))

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(2, 32), nn.LeakyReLU(0.2, inplace=True), nn.Linear(32, 32), nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(32, 1), nn.Sigmoid())

    def forward(self, x):
        return self.main(x).view(-1)


def weights_init(module):
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.3)
        nn.init.constant_(module.bias, 0)


def main():
    torch.manual_seed(7)
    netG, netD = Generator(), Discriminator()
    netG.apply(weights_init)
    netD.apply(weights_init)
    criterion = nn.BCELoss()
    optimizerD = torch.optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizerG = torch.optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.999))
    losses = []
    for step in range(60):
        angle = 2 * math.pi * torch.rand(64)
        real = torch.stack((torch.cos(angle), torch.sin(angle)), 1) + 0.05 * torch.randn(64, 2)

        netD.zero_grad()
        label = torch.full((64,), 1.0)
        errD_real = criterion(netD(real), label)
        errD_real.backward()
        fake = netG(torch.randn(64, NOISE))
        label.fill_(0.0)
        errD_fake = criterion(netD(fake.detach()), label)
        errD_fake.backward()
        optimizerD.step()

        netG.zero_grad()
        label.fill_(1.0)
        errG = criterion(netD(fake), label)
        errG.backward()
        optimizerG.step()
        losses += [(errD_real + errD_fake).item(), errG.item()]
        if step % 20 == 19:
            radius = fake.detach().norm(dim=1)
            spread = f"{radius.mean().item():.2f} +- {radius.std().item():.2f}"
            print(f"step {step + 1}: D {losses[-2]:.3f}, G {losses[-1]:.3f}, radius {spread}")
    return losses


if __name__ == "__main__":
    main()
