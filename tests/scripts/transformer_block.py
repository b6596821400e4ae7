"""A transformer block written out, which learns to sort digits; and PyTorch's encoder layer on the same task."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class SelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)
        self.register_buffer("mask", torch.tril(torch.ones(32, 32)).view(1, 1, 32, 32))

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.qkv(x).split(C, dim=2)
        q, k, v = (t.view(B, T, self.heads, C // self.heads).transpose(1, 2) for t in (q, k, v))
        scores = q @ k.transpose(-2, -1) / math.sqrt(k.size(-1))
        scores = scores.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf"))
        y = F.softmax(scores, dim=-1) @ v
        return self.out(y.transpose(1, 2).contiguous().view(B, T, C))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attention(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class Sorter(nn.Module):
    """Reads digits, then has to write them in order."""

    def __init__(self, block, width=32, length=11):
        super().__init__()
        self.token = nn.Embedding(10, width)
        self.position = nn.Embedding(length, width)
        self.block = block
        self.head = nn.Linear(width, 10)

    def forward(self, tokens):
        where = torch.arange(tokens.shape[1], device=tokens.device)
        return self.head(self.block(self.token(tokens) + self.position(where)))


def train(model, steps):
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    losses = []
    for step in range(steps):
        numbers = torch.randint(0, 10, (32, 6))
        ordered, _ = torch.sort(numbers, dim=1)
        sequence = torch.cat([numbers, ordered], dim=1)
        logits = model(sequence[:, :-1])
        loss = F.cross_entropy(logits[:, 5:].reshape(-1, 10), sequence[:, 6:].reshape(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 20 == 19:
            print(f"step {step + 1}: loss {loss.item():.4f}")
    return losses


def main():
    torch.manual_seed(6)
    losses = train(Sorter(Block(32, 4)), 60)
    layer = nn.TransformerEncoderLayer(32, 4, dim_feedforward=64, dropout=0.0, batch_first=True, norm_first=True)
    return losses + train(Sorter(layer), 20)


if __name__ == "__main__":
    main()
