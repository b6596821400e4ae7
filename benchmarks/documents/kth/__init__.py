"""kth: a 784-32-10 network of sigmoids, one example at a time; learning rates, momentum, batch sizes, then CIFAR-10.

Sundström, Raittila: *Building a deep neural network from scratch*, KTH, TRITA-EECS-EX-2023:178. One example is a column
x (784, 1); z and a are columns, the gradients g of the cost J are rows ("numerator layout").

    z(l) = W(l) a(l-1) + b(l)   a(l) = sigma(z(l))   p = a(L)   g(l) = dJ/dz(l)

What the report leaves open or contradicts, and what this module shows:

- The cost is not named: (11) is an example, figure 10 shows a mean square error. J = 1/2 sum (p - y)^2 with weights and
  biases from N(0, 1) and examples in a new order in each epoch gives its MNIST figures.
- (12) and (13) multiply a row by a column element by element, (7) cannot be multiplied, the limits of the sum of (18)
  give batches of 1, n + 1, 2n + 1, ... examples: `tests/test_documents_kth.py` proves each.
- Is it the batch size or the learning rate? The square-root rule leaves batch 50 with a seventh of the progress per
  example; the paper that the report takes the rule from found the linear rule to work better. Both are run.
- Why does the accuracy jump within one epoch? The recall of each class is recorded: it is one class that wakes up.
- For CIFAR-10 neither the cost nor the number of epochs is given; its accuracy is within reach of (11) with N(0, 1)
  weights, but other readings come near it, too.

`equations` holds the derivations, `training` what a simulation is, `experiments` the figures on MNIST and the verdicts,
`cifar10` figure 14, `pictures` what is drawn.
"""

from .experiments import DATASETS, run

__all__ = ["DATASETS", "run"]
