"""`python -m benchmarks.documents NAME...|all [OPTIONS]`: run the reports' experiments again."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from . import beyond, biswas, hai, kth, lab2, wang
from .report import PICTURES, RESULTS, Report

DOCUMENTS = {"beyond": beyond, "biswas": biswas, "hai": hai, "kth": kth, "lab2": lab2, "wang": wang}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 if everything that must agree agrees, else 1; what fails keeps none of the others from running."""
    summaries = "\n".join(f"  {(module.__doc__ or '').partition(chr(10))[0]}" for module in DOCUMENTS.values())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.documents", description=f"{__doc__}\n\n{summaries}",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=[*DOCUMENTS, "all"], metavar="NAME",
                        help=f"{', '.join(DOCUMENTS)} or all")
    parser.add_argument("--quick", action="store_true", help="the embedded digits, few steps: seconds, not minutes")
    parser.add_argument("--data", type=Path, metavar="DIR",
                        help="the folder with the data sets (default: TINYGRAD_LITE_DATA; not used with --quick)")
    parser.add_argument("--backend", choices=["numpy", "cupy"], default="numpy", help="where arrays are")
    parser.add_argument("--results", type=Path, metavar="DIR", default=RESULTS, help="where results are written")
    parser.add_argument("--pictures", type=Path, metavar="DIR", default=PICTURES, help="where pictures are written")
    options = parser.parse_args(arguments)
    status = 0
    lacking: dict[str, str] = {}  # what a document lacks, in words -> the first that lacks it
    for name in dict.fromkeys(DOCUMENTS if "all" in options.names else options.names):
        # The committed results and pictures are those of full runs.
        results = None if options.quick and options.results == RESULTS else options.results
        pictures = None if options.quick and options.pictures == PICTURES else options.pictures
        device = {"numpy": "cpu", "cupy": "cuda"}[options.backend]
        report = Report(name, options.quick, options.data, device, results, pictures)
        failure = None
        try:
            report.check(DOCUMENTS[name].DATASETS)
        except (ImportError, OSError, RuntimeError, ValueError) as error:  # data that is missing, no GPU
            failure = "\n".join([str(error), *getattr(error, "__notes__", ())])
            if (first := lacking.setdefault(failure, name)) != name:
                failure = f"the same as {first}"
        else:
            try:
                status |= DOCUMENTS[name].run(report)
            except Exception as error:  # noqa: BLE001  (the other documents are not at fault)
                failure = f"{type(error).__name__}: {error}"
                traceback.print_exc()
        if failure is not None:
            print(f"{name}: {failure}", file=sys.stderr)
            status = 1
        if report.findings:
            report.write(failure)
    return status


if __name__ == "__main__":
    sys.exit(main())
