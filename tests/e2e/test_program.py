"""The program as such: what every invocation keeps to."""

import pytest


@pytest.mark.sanitized
def test_version_is_one_line_on_stdout(bare):
    answer = bare("version")
    assert answer.stdout.startswith("ymgr ")
    assert answer.stdout.count("\n") == 1
    assert answer.stderr == ""
