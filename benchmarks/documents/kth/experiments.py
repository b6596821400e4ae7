"""Figures 8 to 12 on MNIST, and the questions that the report leaves open."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

import tinygrad_lite as tg
from benchmarks import timing
from tinygrad_lite import nn

from ..report import Images, Report, agreement, largest_difference, spread
from . import pictures
from .cifar10 import cifar10
from .equations import Array, Parameters, derived_gradients, hand_derived_gradients, momentum, update
from .training import (
    AWAKE,
    EPOCHS,
    SIZES,
    SQRT,
    SWITCH,
    Data,
    Run,
    Setting,
    Simulations,
    Step,
    largest_jump,
    make_step,
    network,
)

DATASETS = ("mnist", "cifar10")


def run(report: Report) -> int:
    """All figures of the report; 0 if the equations agree and, on MNIST, the order of the batch sizes."""
    training, test = report.images(True), report.images(False)
    if report.quick:
        training, test = training.first(200), test.first(100)
        print("kth on the embedded digits, a few steps each: nothing published can be compared with these figures\n")
    data = Data(training, test, report.device)
    simulations = Simulations(data, report, *((3, 2, 2) if report.quick else (EPOCHS, SWITCH, 3)))
    seeds = range(simulations.seeds)
    agree = check_equations(report, training)
    with report.timed("time per step", seeds=[0]):
        time_per_step(report, data)
    with report.timed("figures 8 and 9", seeds=range(6)):
        every = learning_rates_and_momentum(simulations)
        plain = every["lr 0.1"][0]
    with report.timed("figure 10", seeds=[10]):
        error_of_batches(report, data, plain.kept[1])
    with report.timed("figure 11", seeds):
        sizes, ordered = batch_sizes(simulations, every["lr 0.1"])
    with report.timed("figure 12", seeds):
        combined, models = combination(simulations, every["momentum 0.8"])
    more = range(simulations.seeds, 3 if report.quick else 8)
    with report.timed("the jump", [*seeds, *more]):
        large = [*sizes["batch 50, lr 0.71"], *(simulations.run(Setting(0.71, batch=50), seed) for seed in more)]
        jumps = sudden_jumps(simulations, every["lr 0.01"], large)
    with report.timed("wrong images", seeds):
        wrong = wrong_images(report, data, models)
    with report.timed("CIFAR-10", seeds):
        readings = cifar10(report)
    if report.pictures is not None:
        with report.timed("pictures"):
            trained = report.series["training accuracy, figure 12"][0]
            report.picture("curves", pictures.curves(of_seed_0(every), of_seed_0(sizes), combined, trained))
            report.picture("batches", pictures.errors(report.series["figure 10"]))
            report.picture("jump", pictures.jumps(jumps))
            report.picture("descent", pictures.descent(data, [plain.kept[epoch] for epoch in sorted(plain.kept)]))
            report.picture("wrong", pictures.wrong(data, *wrong))
            report.picture("cifar10", pictures.readings(readings))
    return int(not (agree and (report.quick or ordered)))


def of_seed_0(runs: dict[str, list[Run]]) -> dict[str, Run]:
    """The first run of each setting."""
    return {name: of_seeds[0] for name, of_seeds in runs.items()}


def check_equations(report: Report, images: Images) -> bool:
    """(3) to (15) on real images, with the initial weights; every parameter and pre-activation, in float64."""
    parameters = {name: value.astype(np.float64) for name, value in numpy_parameters(network(0, SIZES)).items()}
    pairs = []
    for i in range(10):
        x, y = images.pixels[i][:, None], np.eye(10)[:, images.classes[i : i + 1]]
        _, by_hand = hand_derived_gradients(x, y, parameters)
        _, derived = derived_gradients(x, y, parameters, device=report.device)
        pairs += [(derived[name], gradient) for name, gradient in by_hand.items()]
    worst = largest_difference(pairs)
    report.find("equations (3)-(6), (10), (12)-(15)", "gradients derived by hand", "(12), (13) with sigma'(z) as a row",
                f"largest relative difference {worst:.1e}", "right" if worst <= 1e-10 else "WRONG",
                any_images=True)
    return worst <= 1e-10


def numpy_parameters(model: nn.Sequential) -> Parameters:
    """W1, b1, ... with biases as columns, copied."""
    arrays = [parameter.detach().to("cpu").numpy().copy() for parameter in model.parameters()]
    return {f"{'Wb'[i % 2]}{i // 2 + 1}": a if a.ndim == 2 else a[:, None] for i, a in enumerate(arrays)}


def time_per_step(report: Report, data: Data) -> None:
    """What the hyper-parameters cost: the report's conclusion asks for it. Seconds per epoch of 60,000 images."""
    rows: dict[str, dict[str, float]] = {}
    for size in (1, 10, 50):
        for beta in (0.0, 0.8):
            x, y = data.x[:size], data.y[:size]
            setting = Setting(0.1, beta, size)
            steps: dict[str, Step] = {
                "eager": make_step(network(0, SIZES, data.device), setting),
                "captured": tg.capture(make_step(network(0, SIZES, data.device), setting))}
            calls: dict[str, Callable[[], Any]] = {name: partial(step, x, y) for name, step in steps.items()}
            if size == 1:
                calls["NumPy by hand"] = numpy_step(data, beta)
            times = timing.measure(calls, rounds=3 if report.quick else 40, seconds=0.005, device=data.device)
            rows[f"batch {size}, momentum {beta:g}"] = {name: t.best for name, t in times.items()}
    report.series["seconds per step"] = rows
    report.series["seconds per epoch of 60,000 images"] = {
        name: {who: round(t * 60_000 / int(name.split(",")[0].split()[1]), 2) for who, t in times.items()}
        for name, times in rows.items()}
    one = rows["batch 1, momentum 0"]
    report.find("a step with one example", "-", "784-32-10, float32: eager, captured, NumPy by hand",
                ", ".join(f"{1e6 * one[who]:.0f}" for who in ("eager", "captured", "NumPy by hand")) + " us",
                f"capture gains a factor of {one['eager'] / one['captured']:.1f}",
                any_images=True)
    epochs = report.series["seconds per epoch of 60,000 images"]
    added = [rows["batch 1, momentum 0.8"][who] / one[who] - 1 for who in ("captured", "NumPy by hand")]
    report.find("time per epoch against hyper-parameters", "left open", "captured; batch 1, 10, 50; momentum 0 / 0.8",
                ", ".join(f"{epochs[f'batch {n}, momentum 0']['captured']:.2f} / "
                          f"{epochs[f'batch {n}, momentum 0.8']['captured']:.2f} s" for n in (1, 10, 50)),
                f"the batch size decides; momentum adds {added[0]:.0%} to batch 1 (by hand {added[1]:.0%})",
                any_images=True)


def numpy_step(data: Data, beta: float) -> Callable[[], None]:
    """(5), (6), (10), (12) to (17) with columns, for one example."""
    parameters = numpy_parameters(network(0, SIZES))
    G = {name: np.zeros_like(value) for name, value in parameters.items()}
    x, y = data.train.pixels[:1].T.astype(np.float32), np.eye(10, dtype=np.float32)[:, data.train.classes[:1]]

    def step() -> None:
        _, gradients = hand_derived_gradients(x, y, parameters)
        for name in parameters:
            G[name] = momentum(G[name], gradients[name], beta) if beta else gradients[name]
            parameters[name] = update(parameters[name], G[name], 0.1)

    return step


def learning_rates_and_momentum(simulations: Simulations) -> dict[str, list[Run]]:
    """Figures 8 and 9, and what momentum 0.8 amounts to: the learning rate lambda / (1 - beta) = 0.5; of each seed."""
    report, epochs = simulations.report, simulations.epochs
    seeds = range(simulations.seeds)
    settings = {"lr 0.1": Setting(), "lr 0.01": Setting(0.01), "lr 1": Setting(1.0), "lr 5": Setting(5.0),
                "momentum 0.4": Setting(momentum=0.4), "momentum 0.8": Setting(momentum=0.8), "lr 0.5": Setting(0.5)}
    # The way of the first network is drawn; the second column of figure 12 goes on from momentum 0.8.
    keep = {"lr 0.1": range(1, epochs + 1), "momentum 0.8": [simulations.switch]}
    runs = {name: [simulations.run(setting, seed, keep.get(name, ())) for seed in seeds]
            for name, setting in settings.items()}
    report.series["test accuracy, figures 8 and 9"] = {
        name: [run.accuracies for run in of_seeds] for name, of_seeds in runs.items()}
    bests = {name: [run.best[0] for run in of_seeds] for name, of_seeds in runs.items()}
    first_epoch = {name: [run.accuracies[0] for run in of_seeds] for name, of_seeds in runs.items()}

    report.find("figure 8, lr 0.1", "best 94.81, after epoch 32", f"{len(seeds)} seeds",
                f"{spread(bests['lr 0.1'])}, after epochs {', '.join(str(run.best[1]) for run in runs['lr 0.1'])}",
                agreement(94.81, bests["lr 0.1"]))
    cross = [simulations.run(Setting(lr, cost="cross-entropy")) for lr in (0.1, 1.0)]
    report.series["test accuracy, cross-entropy, lr 0.1 and 1"] = [run.accuracies for run in cross]
    report.find("figure 8 with (11) as the cost", "best 94.81; lr 1 over 90 after one epoch", "seed 0",
                f"best {cross[0].best[0]:.2f} after epoch {cross[0].best[1]}; lr 1: {cross[1].accuracies[0]:.2f}",
                f"squares: {bests['lr 0.1'][0]:.2f} and {first_epoch['lr 1'][0]:.2f}")
    more = [simulations.run(Setting(1.0), seed, epochs=1).accuracies[0] for seed in range(len(seeds), 6)]
    first = [*first_epoch["lr 1"], *more]
    report.find("figure 8, lr 1", "over 90 after one epoch", f"{len(first)} seeds", spread(first),
                "agrees in " + f"{sum(a > 90 for a in first)} of {len(first)}: it depends on the initial weights")
    ordered = all(max(bests[name]) < min(bests["lr 0.1"]) for name in ("lr 0.01", "lr 5"))
    report.find("figure 8, lr 0.01 and 5", "slow; poor, as if at random", f"best of the epochs, {len(seeds)} seeds",
                f"{spread(bests['lr 0.01'])} and {spread(bests['lr 5'])}", "agrees" if ordered else "disagrees")
    quick, slow = ([next((i for i, a in enumerate(run.accuracies, 1) if a > 93.3), epochs + 1) for run in runs[name]]
                   for name in ("momentum 0.4", "lr 0.1"))
    report.find("figure 9, momentum 0.4", "over 93.3 after 3 epochs, without momentum after 6", f"{len(seeds)} seeds",
                f"after {', '.join(map(str, quick))} and {', '.join(map(str, slow))}",
                "agrees in kind" if all(q < s for q, s in zip(quick, slow, strict=True)) else "not seen in all")
    mean = {name: np.mean([run.accuracies for run in of_seeds], axis=0) for name, of_seeds in runs.items()}
    begins = [mean[name][:5] for name in ("momentum 0.4", "lr 1", "lr 0.1", "momentum 0.8")]
    like_1, like_01 = (float(np.abs(begins[0][1:] - other[1:]).mean()) for other in begins[1:3])
    report.find("figure 9, momentum 0.4 and lr 1", "behave alike in the beginning",
                f"epochs 1, 2, ...: momentum 0.4; lr 1; lr 0.1 (means of {len(seeds)} seeds)",
                "; ".join(", ".join(f"{value:.2f}" for value in values) for values in begins[:3]),
                f"from epoch 2 on {like_1:.2f} from lr 1, {like_01:.2f} from lr 0.1: "
                + ("agrees" if like_1 < like_01 else "disagrees"))
    gap = mean["momentum 0.8"] - mean["momentum 0.4"]
    before, after = float(gap[:7].mean()), float(gap[7:].mean() if epochs > 7 else 0)
    report.find("figure 9, momentum 0.8 and 0.4", "much alike, 0.8 better after epoch 7",
                "0.8 minus 0.4: epoch 1; epochs 1 to 7; later", f"{gap[0]:+.2f}; {before:+.2f}; {after:+.2f}",
                "agrees" if after > abs(before) else "better later, but not alike at first" if after > 0
                else "disagrees")
    report.find("figure 9, momentum 0.8", "best 95.5, after epoch 30", f"{len(seeds)} seeds",
                spread(bests["momentum 0.8"]), agreement(95.5, bests["momentum 0.8"]))
    larger, heavy, small = (float(np.mean(bests[name])) for name in ("lr 0.5", "momentum 0.8", "lr 0.1"))
    report.find("figure 9, momentum 0.8", "a better minimum, perhaps escaped from a local one",
                f"lr 0.5 without momentum: the same lambda / (1 - beta), {len(seeds)} seeds",
                f"{spread(bests['lr 0.5'])} against {spread(bests['momentum 0.8'])}; lr 0.1: {spread(bests['lr 0.1'])}",
                "mostly the larger step" if larger - small > (heavy - small) / 2 else "more than the larger step")
    return runs


def error_of_batches(report: Report, data: Data, model: nn.Sequential) -> None:
    """Figure 10: the mean square error of the training images during 100 steps, after one epoch with batch 1."""
    steps = 5 if report.quick else 100
    curves: dict[str, list[float]] = {}
    for size, lr in {1: 0.1, **SQRT}.items():
        after = copy.deepcopy(model)
        step = tg.capture(make_step(after, Setting(lr, batch=size)))
        order = np.random.default_rng(10).permutation(len(data.x))
        errors = [data.error(after)]
        for i in range(steps):
            rows = order[i * size % len(order) :][:size]
            step(data.x[rows], data.y[rows])
            errors.append(data.error(after))
        curves[f"batch {size}"] = [round(error, 6) for error in errors]
    report.series["figure 10"] = curves
    falls = [e[-1] - e[0] for e in curves.values()]
    report.find("figure 10, 100 steps", "batch 1 varies most and ends higher; 50 falls fastest",
                "MSE of all training images, change in per cent",
                ", ".join(f"{name} {100 * (e[-1] / e[0] - 1):+.1f}" for name, e in curves.items()),
                "agrees" if falls[0] > 0 and falls[2] < falls[1] else
                "the order agrees, batch 1 does not end higher here" if falls[2] < falls[1] < falls[0] else "disagrees")
    rough = {name: np.abs(np.diff(e)).sum() / max(abs(e[-1] - e[0]), 1e-9) for name, e in curves.items()}
    report.find("figure 10, smoothness", "larger is smoother", "length of the way over the distance",
                ", ".join(f"{name} {r:.1f}" for name, r in rough.items()),
                "agrees" if rough["batch 50"] < rough["batch 1"] else "disagrees")


def batch_sizes(simulations: Simulations, plain: list[Run]) -> tuple[dict[str, list[Run]], bool]:
    """Figure 11 with the square-root rule, and with the linear rule: learning rate 0.1 times the batch size."""
    report, seeds = simulations.report, range(simulations.seeds)
    runs = {"batch 1, lr 0.1": plain}
    for size, lr in SQRT.items():
        for each in (lr, 0.1 * size):
            runs[f"batch {size}, lr {each:g}"] = [simulations.run(Setting(each, batch=size), seed) for seed in seeds]
    report.series["test accuracy, figure 11"] = {
        name: [run.accuracies for run in of_seeds] for name, of_seeds in runs.items()}
    bests = {name: [run.best[0] for run in of_seeds] for name, of_seeds in runs.items()}
    root = [bests["batch 1, lr 0.1"], bests["batch 10, lr 0.316"], bests["batch 50, lr 0.71"]]
    ordered = all(one > ten > fifty for one, ten, fifty in zip(*root, strict=True))
    report.find("figure 11, square-root rule", "batch 1 > 10 > 50",
                f"best of the epochs, {len(seeds)} seeds, the same initial weights", ", ".join(map(spread, root)),
                "agrees in all" if ordered else "DISAGREES")
    find_fastest(report)
    linear = [bests["batch 10, lr 1"], bests["batch 50, lr 5"]]
    report.find("figure 11, batch size or learning rate?", "left open",
                "linear rule: batch 10 with lr 1, 50 with lr 5", " and ".join(map(spread, linear)),
                "the learning rate" if min(map(np.mean, linear)) > (np.mean(root[0]) + np.mean(root[2])) / 2
                else "the batch size")
    return runs, ordered


def find_fastest(report: Report, threshold: float = 93) -> None:
    """Figure 11 by time instead of epochs: the epochs to an accuracy, seed 0, times the seconds of a captured epoch."""
    seconds: list[float] = []
    for name in ("batch 1, lr 0.1", "batch 10, lr 0.316", "batch 50, lr 0.71"):
        accuracies = report.series["test accuracy, figure 11"][name][0]
        epochs = next((epoch for epoch, value in enumerate(accuracies, 1) if value > threshold), np.inf)
        size = name.partition(",")[0]
        seconds.append(epochs * report.series["seconds per epoch of 60,000 images"][f"{size}, momentum 0"]["captured"])
    report.find("figure 11, time", "batch 1 is overall faster",
                f"seconds to {threshold} %, captured: batch 1, 10, 50 with the square-root rule, seed 0",
                ", ".join(f"{value:.1f}" for value in seconds),
                "agrees" if seconds[0] <= min(seconds[1:]) else "faster by epochs, not by time")


def combination(
    simulations: Simulations, before: Sequence[Run]
) -> tuple[dict[str, list[float]], list[nn.Sequential]]:
    """Figure 12: 25 epochs of batch 1 (`before`, of each seed), then batch 50; against batch 1 with the learning rate
    that this amounts to."""
    report, switch = simulations.report, simulations.switch
    first = before[0]
    then = [simulations.resume(run.kept[switch], Setting(0.71, 0.8, 50), seed) for seed, run in enumerate(before)]
    curves = {"batch 1, lr 0.1": first.accuracies, "batch 50, lr 0.71": then[0].accuracies}
    bests = [run.best[0] for run in then]
    bests_of = {"batch 1, lr 0.1": [max(run.accuracies[switch:]) for run in before], "batch 50, lr 0.71": bests}
    report.find("figure 12, batch 50 from epoch 26 on", "best 95.75, after epoch 31", f"{len(then)} seeds",
                f"{spread(bests)}, after epochs {', '.join(str(switch + run.best[1]) for run in then)}",
                agreement(95.75, bests))
    gains = [after.accuracies[0] - run.accuracies[switch - 1] for after, run in zip(then, before, strict=True)]
    report.find("figure 12, the epoch of the change", "+0.45", f"{len(gains)} seeds", spread(gains),
                agreement(0.45, gains))
    report.series["training accuracy, figure 12"] = [
        [*run.train_accuracies[:switch], *after.train_accuracies] for run, after in zip(before, then, strict=True)]
    trained, tested, erred = ([late_change(values) for values in of_seeds] for of_seeds in (
        [run.train_accuracies for run in then], [run.accuracies for run in then], [run.errors for run in then]))
    report.find("figure 12, overfitting after epoch 32", "training accuracy goes on rising, test accuracy falls",
                "epochs 33 to 35 minus 27 to 31: training and test accuracy; mean square error of the test images",
                f"{', '.join(f'{d:+.2f}' for d in trained)} and {', '.join(f'{d:+.2f}' for d in tested)}; "
                + ", ".join(f"{d:+.1e}" for d in erred),
                "agrees" if min(trained) > 0 > max(tested) and min(erred) > 0 else
                "training rises; on the test images no fall that all seeds share" if min(trained) > 0 else "disagrees")
    # Batch 50 with lr 0.71 moves 0.71 / 50 per example: batch 1 with that rate, and batch 50 with the rate of batch 1.
    for setting in (Setting(0.0142, 0.8), Setting(5.0, 0.8, 50)):
        others = [simulations.resume(run.kept[switch], setting, seed) for seed, run in enumerate(before)]
        bests_of[f"batch {setting.batch}, lr {setting.lr:g}"] = [run.best[0] for run in others]
        curves[f"batch {setting.batch}, lr {setting.lr:g}"] = others[0].accuracies
    report.series["test accuracy, figure 12"] = curves
    report.series["best of the last epochs, figure 12"] = bests_of
    find_cause(report, bests_of)
    return curves, [run.kept[simulations.epochs - switch] for run in then]


def find_cause(report: Report, bests_of: dict[str, list[float]]) -> None:
    """Whether figure 12's gain goes with the batch size or with the learning rate per example."""
    one, lower, rule, high = (bests_of[f"batch {setting}"] for setting in (
        "1, lr 0.1", "1, lr 0.0142", "50, lr 0.71", "50, lr 5"))
    means = [float(np.mean(bests)) for bests in (one, high, lower, rule)]
    report.find("figure 12, batch size or learning rate?", "left open",
                "best of epochs 26 to 35; lr per example 0.1: batch 1, batch 50 with lr 5; 0.0142: batch 1, batch 50 "
                f"with lr 0.71; {len(one)} seeds",
                f"{spread(one)}, {spread(high)}; {spread(lower)}, {spread(rule)}",
                "the learning rate" if abs(means[2] - means[3]) < min(means[2:]) - max(means[:2])
                else "not the rate alone")


def late_change(values: list[float]) -> float:
    """From epochs 27 to 31, of which the last is the report's best one, to 33 to 35, of the ten after the change.

    >>> late_change([0.0, 1, 1, 1, 1, 1, 5, 3, 3, 3])
    2.0
    """
    return float(np.mean(values[7:] or values) - np.mean(values[1:6] or values))


def sudden_jumps(simulations: Simulations, slow: list[Run], large: list[Run]) -> dict[str, Run]:
    """Where the accuracy jumps late, in runs with lr 0.01 and with batch 50; then without the plateau."""
    report = simulations.report
    gains = {"lr 0.01": [largest_jump(run)[3] for run in slow], "batch 50": [largest_jump(run)[3] for run in large]}
    asleep = sum(min(run.recalls[-1]) < 10 for run in large)
    report.find("the sudden jump", "after epoch 10 with lr 0.01, and with large batches",
                f"largest gain of an epoch after the {AWAKE}th: lr 0.01, {len(slow)} seeds; batch 50, {len(large)}",
                "; ".join(", ".join(f"{gain:.2f}" for gain in each) for each in gains.values()),
                f"a matter of the initial weights; in {asleep} of {len(large)} a class is never read")
    slowly, seed = (int(np.argmax(each)) for each in gains.values())
    jumps = {f"lr 0.01, seed {slowly}": slow[slowly], f"batch 50, lr 0.71, seed {seed}": large[seed]}
    for name, run in jumps.items():
        epoch, c, share, gain = largest_jump(run)
        recalls = ", ".join(f"{r[c]:.1f}" for r in run.recalls[max(epoch - 2, 0) : epoch + 1])
        report.series[f"the jump, {name}"] = {"epoch": epoch + 1, "class": c, "accuracies": run.accuracies,
                                              "recalls of the class": [r[c] for r in run.recalls]}
        report.find(f"the jump, {name}", "left open", "recall of each class, epoch by epoch",
                    f"epoch {epoch + 1}: {gain:+.2f} points; class {c} alone {share * gain:+.2f} (recall {recalls})",
                    "one output wakes up" if gain > 2 and share > 0.5 else "no jump")
    c = largest_jump(large[seed])[1]
    cross = simulations.run(Setting(0.71, batch=50, cost="cross-entropy"), seed, epochs=min(5, simulations.epochs))
    report.find(f"the same weights (seed {seed}) with (11)", "-",
                "dJ/dz = p - y has no factor p (1 - p) that can vanish",
                f"recall of class {c} after epoch 1, 2, ...: {', '.join(f'{r[c]:.1f}' for r in cross.recalls)}",
                "awake at once" if cross.recalls[0][c] > 50 else "not at once")
    return jumps


def wrong_images(report: Report, data: Data, models: list[nn.Sequential]) -> tuple[Array, Array, Array, Array]:
    """Which test images the networks of figure 12 get wrong: indices (surest first), classes, outputs, neighbours."""
    outputs = [data.outputs(model) for model in models]
    classes = data.test.classes
    wrong = np.array([p.argmax(1) != classes for p in outputs])
    p, missed = outputs[0], np.flatnonzero(wrong[0])
    second = np.argsort(p[missed], axis=1)[:, -2] == classes[missed]
    unsure = [float((p[rows].max(1) < 0.5).mean()) for rows in (missed, np.flatnonzero(~wrong[0]))]
    nearest = neighbours(data, data.test.pixels[missed])
    alike, rightly = nearest == p[missed].argmax(1), (nearest == classes[missed]).mean()
    pairs = np.zeros((10, 10), int)
    np.add.at(pairs, (classes[missed], p[missed].argmax(1)), 1)
    worst = [divmod(int(i), 10) for i in np.argsort(-pairs.ravel(), kind="stable")[:5]]
    report.series["wrong images"] = {"indices": missed.tolist(), "confusion (true, predicted)": pairs.tolist()}
    report.find("which images are wrong", "left open", "most frequent: true as predicted",
                ", ".join(f"{t} as {q}: {pairs[t, q]}" for t, q in worst), f"{len(missed)} of {len(classes):,} images")
    chance = wrong.mean(1).prod()
    report.find("why: the image or the network?", "left open", f"wrong by all {len(models)} networks of other seeds",
                f"{wrong.all(0).sum()} images, {100 * wrong.all(0).sum() / len(missed):.0f} % of the wrong ones",
                f"by chance {chance * len(classes):.1f}: mostly the same hard images"
                if 2 * wrong.all(0).sum() > len(missed) else f"by chance {chance * len(classes):.1f}: partly the image")
    report.find("why: what the network says", "left open", "second largest output right; no output above 1/2",
                f"{second.mean():.0%}; {unsure[0]:.0%} of the wrong, {unsure[1]:.1%} of the right",
                "it often knows that it does not know" if unsure[0] > 5 * unsure[1] else "wrong and sure")
    report.find("why: what else could be read", "left open", "the nearest training image, pixel by pixel",
                f"has the right class in {rightly:.0%}, the network's in {alike.mean():.0%}",
                "the pixels say enough, 32 hidden units keep too little of it" if rightly > 0.5
                else "the images look like another class")
    order = np.argsort(-p[missed].max(1), kind="stable")
    return missed[order], classes[missed][order], p[missed][order], nearest[order]


def neighbours(data: Data, images: Array) -> Array:
    """The class of the training image with the smallest Euclidean distance to each image."""
    x = images.astype(np.float32)
    train = data.train.pixels.astype(np.float32)
    squares_of = (train**2).sum(1)
    return np.array([data.train.classes[(squares_of - 2 * (train @ image)).argmin()] for image in x], dtype=np.int64)
