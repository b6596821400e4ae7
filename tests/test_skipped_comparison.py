"""A comparison with PyTorch that was skipped compares nothing: under --compare it fails."""

import subprocess
import sys
from pathlib import Path

import pytest

SKIPS = {
    "in the test": "import pytest\ndef test(): pytest.skip('why')",
    "by a mark": "import pytest\n@pytest.mark.skipif(True, reason='why')\ndef test(): pass",
    "at import": "import pytest\npytest.importorskip('a_module_that_is_not_there')\ndef test(): pass",
}
PASSES = "def test(): pass"


def outcome(tmp_path: Path, text: str, *options: str) -> int:
    """Exit status of pytest over this one comparison, under our conftest.py."""
    (tmp_path / "compare").mkdir()
    (tmp_path / "compare" / "test_one.py").write_text(text, "utf-8")
    (tmp_path / "conftest.py").write_text(Path(__file__).with_name("conftest.py").read_text("utf-8"), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", *options]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode


@pytest.mark.parametrize("text", SKIPS.values(), ids=SKIPS.keys())
def test_a_skipped_comparison_fails(tmp_path: Path, text: str) -> None:
    failures = (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)  # when run, when collected
    assert outcome(tmp_path, text, "compare", "--compare") in failures


def test_a_made_comparison_passes(tmp_path: Path) -> None:
    assert outcome(tmp_path, PASSES, "compare", "--compare") == pytest.ExitCode.OK


def test_comparisons_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    assert outcome(tmp_path, PASSES) == pytest.ExitCode.NO_TESTS_COLLECTED
