"""Fifty steps of a small network of each family of modules take PyTorch's course in float64, from PyTorch's state_dict:
losses, norms of gradients and learning rates at each step, and at the end parameters, buffers and evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import tinygrad_lite as tg

from .pair import array_of

STEPS = 50


def convolutional(T: Any) -> Any:
    nn = T.nn
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=2, bias=False), nn.BatchNorm2d(4, momentum=None),
        nn.LeakyReLU(0.1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


def grouped(T: Any) -> Any:
    nn = T.nn
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.SiLU(), nn.AvgPool2d(2),
        nn.ConvTranspose2d(4, 3, 3, stride=2, bias=False), nn.InstanceNorm2d(3, affine=True, track_running_stats=True),
        nn.GELU(), nn.Flatten(), nn.Linear(147, 3))


def sequential(T: Any) -> Any:
    nn = T.nn
    return nn.Sequential(
        nn.Conv1d(4, 6, 3, padding="same", padding_mode="circular"), nn.BatchNorm1d(6), nn.PReLU(), nn.MaxPool1d(2),
        nn.Flatten(), nn.Linear(12, 8), nn.RMSNorm(8), nn.ELU(), nn.Linear(8, 3))


def recurrent(kind: str) -> Callable[[Any], Any]:
    def make(T: Any) -> Any:
        class Network(T.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.layer = getattr(T.nn, kind)(4, 5, num_layers=2, batch_first=True, bidirectional=True)
                self.head = T.nn.Linear(10, 3)

            def forward(self, x: Any) -> Any:
                outputs, _ = self.layer(x)
                return self.head(outputs[:, -1])

        return Network()

    return make


def encoder(T: Any) -> Any:
    nn = T.nn
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, norm_first=True)
    return nn.Sequential(nn.Linear(4, 8), layer,
                         nn.TransformerEncoderLayer(8, 4, 12, dropout=0.0, activation="gelu", batch_first=True),
                         nn.Flatten(), nn.Linear(40, 3))


def embedding(T: Any) -> Any:
    nn = T.nn
    return nn.Sequential(nn.Embedding(7, 6, padding_idx=0), nn.LayerNorm(6), nn.Flatten(), nn.Linear(30, 3))


IMAGES, SEQUENCES, WORDS = (4, 2, 9, 9), (4, 5, 4), (4, 5)
FAMILIES: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "convolution, batch norm, pools": (convolutional, IMAGES),
    "group and instance norm, transposed convolution": (grouped, IMAGES),
    "convolution in one dimension, RMS norm": (sequential, (4, 4, 4)),
    "RNN": (recurrent("RNN"), SEQUENCES),
    "GRU": (recurrent("GRU"), SEQUENCES),
    "LSTM": (recurrent("LSTM"), SEQUENCES),
    "transformer encoder": (encoder, SEQUENCES),
    "embedding, layer norm": (embedding, WORDS),
}
OPTIMIZERS: dict[str, Callable[[Any, Any], tuple[Any, Any]]] = {
    "SGD": lambda o, p: _pair(o.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-3, nesterov=True),
                              lambda x: o.lr_scheduler.CosineAnnealingLR(x, T_max=STEPS)),
    "Adam": lambda o, p: _pair(o.Adam(p, lr=0.01, amsgrad=True),
                               lambda x: o.lr_scheduler.OneCycleLR(x, max_lr=0.02, total_steps=STEPS + 1)),
    "AdamW": lambda o, p: _pair(o.AdamW(p, lr=0.01, weight_decay=0.1), lambda x: o.lr_scheduler.SequentialLR(
        x, [o.lr_scheduler.LinearLR(x, 0.1, total_iters=10), o.lr_scheduler.ExponentialLR(x, 0.95)], [10])),
}


def _pair(optimizer: Any, schedule: Callable[[Any], Any]) -> tuple[Any, Any]:
    return optimizer, schedule(optimizer)


def train(T: Any, model: Any, optimizer: str, shape: tuple[int, ...]) -> list[Any]:
    """Loss, norm of the gradients and learning rate of each step, then the state and the outputs in evaluation."""
    step_by, schedule = OPTIMIZERS[optimizer](T.optim, model.parameters())
    criterion = T.nn.CrossEntropyLoss(label_smoothing=0.1)
    random = np.random.default_rng(0)
    course = []
    for _ in range(STEPS):
        x = random.integers(0, 7, shape) if shape == WORDS else random.standard_normal(shape)
        inputs, targets = T.from_numpy(x), T.from_numpy(random.integers(0, 3, 4))
        step_by.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        norm = T.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        step_by.step()
        schedule.step()
        course.append([loss.item(), norm.item(), step_by.param_groups[0]["lr"]])
    model.eval()
    return [course, *map(array_of, model.state_dict().values()), array_of(model(inputs))]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("family", FAMILIES)
def test_fifty_steps(family: str, optimizer: str) -> None:
    make, shape = FAMILIES[family]
    torch.manual_seed(0)
    ours, theirs = (make(T).double() for T in (tg, torch))
    state = {name: array_of(value) for name, value in theirs.state_dict().items()}
    ours.load_state_dict(state)
    assert list(ours.state_dict()) == list(state)
    found, expected = (train(T, model, optimizer, shape) for T, model in ((tg, ours), (torch, theirs)))
    # The derivative of the bias of keys is 0: of what rounding leaves of it Adam makes steps.
    for name, a, b in zip(["course", *state, "evaluation"], found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9, err_msg=name)
