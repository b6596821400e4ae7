"""A character-level transformer that learns Shakespeare's sonnets.

    python -m benchmarks.transformer [--steps N] [--seed S] [--eager] [--compare-torch] [--quick] [--json FILE]

The text is `sonnets.txt` beside this file: the 154 sonnets of William Shakespeare (London, 1609) in modern spelling,
which are in the public domain. The last tenth is held out. The model sees up to 64 characters and says what comes next:
character and position embeddings, layers of causal self-attention and a dense network, each behind a layer norm. It is
trained with AdamW, a learning rate that warms up and then falls along a cosine, and clipped gradients.

Training runs as a captured step (`--eager` runs it as it is; the losses have the same bits). At the end it says what
counts of characters and of pairs of characters would achieve on the held-out text, how many characters per second a
step takes, eager, captured and, with `--compare-torch`, in PyTorch with the same weights, and writes a few lines of its
own. The same seed gives the same figures.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import nn

from . import timing

Array: TypeAlias = np.ndarray[Any, Any]
TEXT = Path(__file__).with_name("sonnets.txt")
HELD_OUT = 0.1


# --- the text ---------------------------------------------------------------------------------------------------------


class Text:
    """A text as class indices: `training` and `held_out`, and the `characters` that they stand for."""

    def __init__(self, text: str) -> None:
        self.characters = sorted({*text})
        codes = np.array([self.characters.index(c) for c in text])
        border = len(codes) - int(HELD_OUT * len(codes))
        self.training, self.held_out = codes[:border], codes[border:]

    def __str__(self) -> str:
        return (f"{len(self.training):,} characters to learn from and {len(self.held_out):,} held out, "
                f"{len(self.characters)} different ones")

    def batches(self, random: np.random.Generator, batch: int, context: int) -> Iterator[tuple[Array, Array]]:
        """Endless random pieces of the training text, and the same pieces one character later."""
        while True:
            starts = random.integers(0, len(self.training) - context, batch)[:, None] + np.arange(context)
            yield self.training[starts], self.training[starts + 1]

    def pieces(self, context: int) -> tuple[Array, Array]:
        """The held-out text cut into pieces, and the same pieces one character later."""
        count = (len(self.held_out) - 1) // context
        return (self.held_out[: count * context].reshape(count, context),
                self.held_out[1 : count * context + 1].reshape(count, context))

    def baselines(self) -> dict[str, float]:
        """The cross entropy of the held-out text under counts of characters, and of pairs, in the training text."""
        n = len(self.characters)
        pairs = np.ones((n, n))  # as if each pair had been seen once more
        np.add.at(pairs, (self.training[:-1], self.training[1:]), 1)
        single = np.log(pairs.sum(0) / pairs.sum())
        following = np.log(pairs / pairs.sum(1, keepdims=True))
        now, later = self.held_out[:-1], self.held_out[1:]
        return {"characters": float(-single[later].mean()), "pairs": float(-following[now, later].mean())}


# --- the model --------------------------------------------------------------------------------------------------------


def language_model(library: Any, nn: Any, characters: int, options: argparse.Namespace) -> Any:
    """The model in PyTorch's words: for us and for PyTorch."""

    class LanguageModel(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            width = options.width
            self.token = nn.Parameter(library.zeros(characters, width))
            self.position = nn.Parameter(library.zeros(options.context, width))
            self.layers = nn.ModuleList([
                nn.TransformerEncoderLayer(width, options.heads, 4 * width, options.dropout, "gelu", batch_first=True,
                                           norm_first=True)
                for _ in range(options.layers)])
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, characters)
            causal = library.from_numpy(np.triu(np.full((options.context,) * 2, -math.inf, np.float32), 1))
            self.register_buffer("causal", causal, persistent=False)
            for parameter in self.parameters():
                if parameter.ndim > 1:
                    nn.init.normal_(parameter, std=0.05)

        def forward(self, text: Any) -> Any:
            """The scores of the next character at each place: (batch, steps) -> (batch, steps, characters)."""
            steps = text.shape[1]
            x = self.token[text] + self.position[:steps]
            mask = self.causal[:steps, :steps]
            for layer in self.layers:
                x = layer(x, mask, is_causal=True)
            return self.head(self.norm(x))

    return LanguageModel()


class Training:
    """A model, its optimizer, and a step that may be captured."""

    def __init__(self, library: Any, nn: Any, characters: int, options: argparse.Namespace, captured: bool) -> None:
        self.library, self.nn, self.steps = library, nn, options.steps
        self.model = language_model(library, nn, characters, options)
        self.optimizer = library.optim.AdamW(self.model.parameters(), lr=options.lr, weight_decay=0.1)
        self.warm_up = max(1, options.steps // 10)
        self.done = 0
        self._step: Callable[[Any, Any], Any] = library.capture(self._plain_step) if captured else self._plain_step
        self.lr = options.lr

    def step(self, text: Array, target: Array) -> float:
        """One step on a batch; return the loss before it."""
        falling = (self.done - self.warm_up) / max(1, self.steps - self.warm_up)
        share = (self.done + 1) / self.warm_up if falling < 0 else 0.5 * (1 + math.cos(math.pi * min(falling, 1)))
        self.optimizer.param_groups[0]["lr"] = self.lr * max(share, 0.05)
        self.done += 1
        return float(self._step(self.library.from_numpy(text), self.library.from_numpy(target)).item())

    def loss(self, text: Any, target: Any) -> Any:
        """The cross entropy of the next characters."""
        scores = self.model(text)
        return self.nn.functional.cross_entropy(scores.reshape(-1, scores.shape[-1]), target.reshape(-1))

    def _plain_step(self, text: Any, target: Any) -> Any:
        self.optimizer.zero_grad()
        loss = self.loss(text, target)
        loss.backward()
        self.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.detach()

    def held_out(self, pieces: tuple[Array, Array]) -> float:
        """The loss on the held-out text."""
        self.model.eval()
        with self.library.no_grad():
            loss = self.loss(*(self.library.from_numpy(x) for x in pieces)).item()
        self.model.train()
        return float(loss)


def written(training: Training, text: Text, context: int, length: int, random: np.random.Generator) -> str:
    """Characters drawn one after the other from what the model expects."""
    codes = [text.characters.index("\n")]
    training.model.eval()
    with training.library.no_grad():
        for _ in range(length):
            scores = training.model(training.library.from_numpy(np.array([codes[-context:]])))[0, -1]
            p = np.exp(np.asarray(scores.numpy(), float) / 0.8)
            codes.append(int(random.choice(len(p), p=p / p.sum())))
    training.model.train()
    return "".join(text.characters[c] for c in codes[1:])


# --- the run ----------------------------------------------------------------------------------------------------------


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Train, say how it goes, and return all figures."""
    tg.manual_seed(options.seed)
    random = np.random.default_rng(options.seed)
    text = Text(TEXT.read_text("utf-8"))
    training = Training(tg, nn, len(text.characters), options, captured=not options.eager)
    count = sum(p.numel() for p in training.model.parameters())
    baselines = text.baselines()
    print(f"{text}; {count:,} parameters")
    print("held-out loss of counts: " + ", ".join(f"{name} {loss:.3f}" for name, loss in baselines.items()), flush=True)
    pieces, batches = text.pieces(options.context), text.batches(random, options.batch, options.context)
    report: dict[str, Any] = {"parameters": count, "baselines": baselines, "losses": []}
    recent: list[float] = []
    begin = last = time.perf_counter()
    for step in range(1, options.steps + 1):
        recent.append(training.step(*next(batches)))
        if step % options.every and step < options.steps:
            continue
        now = time.perf_counter()
        speed = len(recent) * options.batch * options.context / (now - last)
        report["losses"].append([step, float(np.mean(recent)), training.held_out(pieces)])
        left = (now - begin) / step * (options.steps - step)
        print("step {:5}  loss {:.3f}  held out {:.3f}".format(*report["losses"][-1])
              + f"  {speed:9,.0f} characters/s  {left:3.0f} s left", flush=True)
        recent, last = [], time.perf_counter()
    report["seconds"] = time.perf_counter() - begin
    report["sample"] = written(training, text, options.context, options.sample, random)
    print("\n" + report["sample"].strip() + "\n")
    report["speed"] = speeds(text, training, options)
    return report


def speeds(text: Text, trained: Training, options: argparse.Namespace) -> dict[str, float]:
    """Characters per second of a training step, measured in turn, all from the same weights."""
    kinds: dict[str, tuple[Any, Any, bool]] = {"eager": (tg, nn, False), "captured": (tg, nn, True)}
    torch = timing.optional("torch") if options.compare_torch else None
    if options.compare_torch and torch is None:
        sys.exit("--compare-torch needs PyTorch: pip install torch")
    if torch is not None:
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        kinds["PyTorch"] = (torch, torch.nn, False)
    batch = next(text.batches(np.random.default_rng(0), options.batch, options.context))
    state = {name: np.array(value.numpy()) for name, value in trained.model.state_dict().items()}
    candidates: dict[str, Callable[[], object]] = {}
    losses = {}
    for name, (library, modules, captured) in kinds.items():
        one = Training(library, modules, len(text.characters), options, captured)
        one.model.load_state_dict({key: library.from_numpy(value) for key, value in state.items()})
        losses[name] = one.step(*batch)
        candidates[name] = lambda one=one: one.step(*batch)  # type: ignore[misc]
    if options.dropout == 0:  # nobody is measured who computes something else
        np.testing.assert_allclose([*losses.values()], losses["eager"], rtol=1e-4)
    times = timing.measure(candidates, rounds=options.rounds, seconds=0)
    found = {name: options.batch * options.context / times[name].best for name in candidates}
    rows = [[name, f"{speed:,.0f}", f"{speed / found['eager']:.2f}"] for name, speed in found.items()]
    print(timing.table(["a training step", "characters/s", "of eager"], rows), flush=True)
    return found


def parser() -> argparse.ArgumentParser:
    """The command line."""
    first_line = (__doc__ or "").partition("\n")[0]
    made = argparse.ArgumentParser(prog="python -m benchmarks.transformer", description=first_line)
    how = made.add_mutually_exclusive_group()
    how.add_argument("--capture", action="store_true", help="train with a captured step (the default)")
    how.add_argument("--eager", action="store_true", help="train without capturing the step")
    made.add_argument("--compare-torch", action="store_true", help="measure PyTorch's step, too")
    made.add_argument("--quick", action="store_true", help="a small model and few steps: to see that it runs")
    made.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    for name, (usual, _, what) in SIZES.items():
        made.add_argument(f"--{name}", type=type(usual), metavar="N", help=f"{what} (default: {usual})")
    return made


SIZES: dict[str, tuple[Any, Any, str]] = {
    "steps": (500, 60, "how many steps"),
    "seed": (0, 0, "of weights, batches and the sample"),
    "width": (128, 32, "of the residual stream"),
    "layers": (3, 2, "how many layers"),
    "heads": (4, 2, "of attention in each layer"),
    "context": (64, 32, "how many characters the model sees"),
    "batch": (16, 8, "how many pieces of text in a step"),
    "lr": (2e-3, 1e-2, "the largest learning rate"),
    "dropout": (0.0, 0.0, "probability of dropout"),
    "every": (50, 20, "steps between two lines"),
    "sample": (400, 40, "characters written at the end"),
    "rounds": (10, 2, "how often the steps are measured in turn"),
}
"""Each number of a run: by default, with --quick, and what it is."""


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """The command; returns what it wrote down."""
    options = parser().parse_args(arguments)
    for name, (usual, quick, _) in SIZES.items():
        if getattr(options, name) is None:
            setattr(options, name, quick if options.quick else usual)
    report = run(options)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1), "utf-8")
    return report


if __name__ == "__main__":
    main()
