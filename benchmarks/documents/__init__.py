"""Published reports that train networks with gradients derived by hand, run again with derived ones.

Each module holds one report: its equations as plain NumPy functions, its experiments with gradients from this library
(but kth's figure 14, for which see `kth.cifar10`), and a comparison with every figure that it printed.
`python -m benchmarks.documents --help` lists them.
"""
