"""A language model with an LSTM that learns a nursery rhyme by heart, with truncated backpropagation through time."""

import math

import torch
from torch import nn

TEXT = "twinkle twinkle little star how i wonder what you are up above the world so high like a diamond in the sky " * 3


class LanguageModel(nn.Module):
    def __init__(self, tokens, embedding, hidden, layers):
        super().__init__()
        self.drop = nn.Dropout(0.05)
        self.encoder = nn.Embedding(tokens, embedding)
        self.rnn = nn.LSTM(embedding, hidden, layers)
        self.decoder = nn.Linear(hidden, tokens)
        self.init_weights()
        self.hidden, self.layers = hidden, layers

    def init_weights(self):
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)

    def forward(self, input, state):
        output, state = self.rnn(self.drop(self.encoder(input)), state)
        return self.decoder(self.drop(output)), state

    def init_hidden(self, batch):
        weight = next(self.parameters())
        return weight.new_zeros(self.layers, batch, self.hidden), weight.new_zeros(self.layers, batch, self.hidden)


def batchify(data, batch):
    rows = data.size(0) // batch
    return data.narrow(0, 0, rows * batch).view(batch, -1).t().contiguous()


def main():
    torch.manual_seed(5)
    letters = sorted(set(TEXT))
    index = {c: i for i, c in enumerate(letters)}
    data = batchify(torch.tensor([index[c] for c in TEXT], dtype=torch.long), 8)
    model = LanguageModel(len(letters), 16, 32, 2)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-2)
    losses, bptt = [], 10
    for epoch in range(6):
        state = model.init_hidden(8)
        for i in range(0, data.size(0) - 1, bptt):
            length = min(bptt, len(data) - 1 - i)
            source, target = data[i : i + length], data[i + 1 : i + 1 + length].reshape(-1)
            state = tuple(s.detach() for s in state)
            model.zero_grad()
            output, state = model(source, state)
            loss = criterion(output.view(-1, len(letters)), target)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {losses[-1]:.3f}, perplexity {math.exp(losses[-1]):.2f}")
    return losses


if __name__ == "__main__":
    main()
