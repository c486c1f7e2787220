"""Adds up the results of ctest and pytest (JUnit files) and prints one line: `N passed, N failed`.

A doctest program counts its cases, a replayed corpus counts one, and a program that died before it could say how many
cases it has counts one failure. With YMGR_FORBID_SKIPS=1 a skip is a failure.
"""

import os
import re
import sys
import xml.etree.ElementTree as xml

DOCTEST = re.compile(r"\[doctest\] test cases:\s+\d+ \|\s+(\d+) passed \|\s+(\d+) failed \|\s+(\d+) skipped")


def outcome(case):
    """passed, failed and skipped of one <testcase>."""
    bad = case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail"
    skipped = case.find("skipped") is not None or case.get("status") in ("notrun", "disabled")
    if doctest := DOCTEST.search(case.findtext("system-out") or ""):
        good, failed, left_out = (int(number) for number in doctest.groups())
        if case.get("name", "").endswith("_postgres"):
            left_out = 0  # the same program runs all of its cases beside this; here those of SQLite are left out
        return good, max(failed, int(bad)), left_out
    if bad:
        return 0, 1, 0
    return (0, 0, 1) if skipped else (1, 0, 0)


def tally(paths):
    counts = [0, 0, 0]
    for path in paths:
        for case in xml.parse(path).iter("testcase"):
            result = outcome(case)
            if result[1]:
                print(f"failed: {case.get('classname')}: {case.get('name')}")
            counts = [total + more for total, more in zip(counts, result)]
    return counts


def main():
    passed, failed, skipped = tally(sys.argv[1:])
    if skipped and os.environ.get("YMGR_FORBID_SKIPS") == "1":
        print(f"{skipped} skipped tests count as failed: YMGR_FORBID_SKIPS=1")
        failed, skipped = failed + skipped, 0
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
