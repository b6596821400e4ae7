"""`python -m benchmarks.documents NAME [--data DIR] [--quick]`: run one report's experiment again."""

import argparse
import sys
from pathlib import Path

from . import wang

DOCUMENTS = {"wang": wang}


def main() -> int:
    """Exit status 0 if everything that is compared agrees, else 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.documents", description=__doc__)
    commands = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, module in DOCUMENTS.items():
        summary = (module.__doc__ or "").partition("\n")[0]
        command = commands.add_parser(
            name, help=summary, description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.add_argument("--data", type=Path, help="the folder with mnist/ (default: TINYGRAD_LITE_DATA)")
        command.add_argument("--quick", action="store_true", help="embedded digits, few iterations")
    options = parser.parse_args()
    try:
        status: int = DOCUMENTS[options.name].run(data=options.data, quick=options.quick)
    except (OSError, ValueError) as error:  # data that is missing or damaged
        print(error, file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
