"""How the tests run: how hard hypothesis looks, and when the comparison with PyTorch is made."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No deadlines and no complaints about slow examples: a busy machine is not a wrong gradient.
settings.register_profile("default", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, database=None, print_blob=True)
settings.register_profile("fuzz", settings.get_profile("default"),
                          max_examples=int(os.environ.get("FUZZ_EXAMPLES", "10000")))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--compare", action="store_true", help="run tests/compare (needs PyTorch); a skipped comparison is a failure"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave tests/compare to `make compare`: it needs PyTorch, which is large.  And tests/scripts holds no tests."""
    tests = Path(__file__).parent
    if collection_path == tests / "scripts":
        return True
    return True if collection_path == tests / "compare" and not config.getoption("--compare") else None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.outcome == "skipped" and collector.config.getoption("--compare"):
        report.outcome, report.longrepr = "failed", f"skipped comparison: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.outcome == "skipped" and not hasattr(report, "wasxfail") and item.config.getoption("--compare"):
        report.outcome, report.longrepr = "failed", f"skipped comparison: {report.longrepr}"
    return report
