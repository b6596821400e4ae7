"""What `import tinygrad_lite` costs, beside `import numpy`: python -m benchmarks.importing

Both are timed in one fresh process, in CPU seconds, and the ratio of the two is taken per process.
"""

import os
import statistics
import subprocess
import sys

SCRIPT = """
from time import process_time as clock
start = clock()
import numpy
middle = clock()
import tinygrad_lite
print(middle - start, clock() - middle)
"""


def costs(processes: int = 15) -> list[tuple[float, float]]:
    """(NumPy's import, ours above it) in CPU seconds, one pair per process; a first one that compiles is left out."""
    pairs = []
    compiling = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(processes + 1):
        done = subprocess.run([sys.executable, "-c", SCRIPT], env=compiling, capture_output=True, text=True, check=True)
        numpy, ours = map(float, done.stdout.split())
        pairs.append((numpy, ours))
    return pairs[1:]


def main() -> None:
    """Print the medians."""
    pairs = costs()
    numpy, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(o / n for n, o in pairs)
    print(f"numpy {numpy * 1e3:.1f} ms, tinygrad_lite {ours * 1e3:.1f} ms above it, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
