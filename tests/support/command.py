"""The contract of every error of the command line."""

from fusionlib.cli import main


def refused(capsys, arguments, out):
    """Run, and check the contract of every error; return the line."""
    before = set(out.parent.iterdir()) if out.parent.is_dir() else set()
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line for line in captured.err.splitlines() if "warning" not in line]
    assert len(lines) == 1
    assert lines[0].startswith("fusionlib")
    after = set(out.parent.iterdir()) if out.parent.is_dir() else set()
    assert after == before
    return lines[0]
