"""Which tests run here: marks that need root or an ordinary user, and skips that CI forbids."""

import os
import signal

import pytest

# A shell's background job ignores it, and so would the programs that are told to end by it.
signal.signal(signal.SIGINT, signal.default_int_handler)
FORBID_SKIPS = os.environ.get("YMGR_FORBID_SKIPS") == "1"


def pytest_collection_modifyitems(config, items):
    unfit = "needs_user" if os.geteuid() == 0 else "needs_root"
    left_out = [item for item in items if item.get_closest_marker(unfit)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if FORBID_SKIPS and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and YMGR_FORBID_SKIPS=1: {report.longrepr}"
    return report
