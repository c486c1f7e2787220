"""Many machines at a team's work: everything is done, and nothing twice."""

import json

import pytest
from harness import FAILPOINT, Ymgr
from team import Team
from team import count as number

DUE = 12
RENEW = ["renew", "--due", "--scope", "all", "--renew-before", "47h59m59s"]


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("many")) as team:
        for name in ("ada", "oscar", "ren"):
            team.person_box(name)("login", "--user", name)
        yield team


def at_once(people, count, *args):
    """Started as close together as can be, in turns by everybody; what they say."""
    running = []
    for number in range(count):
        ymgr = people[number % len(people)]
        out = open(ymgr.box.root / f"out-{number}", "w+")
        running.append((ymgr.start(*args, "--json", stdout=out, stderr=None), out))
    answers = []
    for process, out in running:
        exit = process.wait(timeout=240)
        out.seek(0)
        text = out.read()
        out.close()
        assert exit == 0, text
        answers.append(json.loads(text))
    return answers


@pytest.mark.parametrize("count", [2, 8, 32])
def test_a_due_set_is_renewed_once_by_all_of_them(team, count):
    oscar, ren = team.person_box("oscar"), team.person_box("ren")
    oscar.json("issue", f"many{count}-{{1..{DUE}}}.corp.test", "--validity", "48h")
    answers = at_once([oscar, ren], count, *RENEW)
    renewed = [item["name"] for answer in answers for item in answer["items"] if item.get("result") == "renewed"]
    assert sorted(renewed) == sorted(f"many{count}-{n}.corp.test" for n in range(1, DUE + 1))
    assert number(team, f"certificates WHERE name LIKE 'many{count}-%' AND renewed_from IS NOT NULL") == DUE
    assert number(team, f"certificates WHERE name LIKE 'many{count}-%' AND status = 'superseded'") == DUE
    assert number(team, "operations WHERE state = 'open'") == 0


def test_what_a_dead_machine_held_is_taken_over_after_its_lease(team):
    oscar, ada = team.person_box("oscar"), team.person_box("ada")
    oscar.json("issue", "dead-{1..6}.corp.test", "--validity", "48h")
    Ymgr(FAILPOINT, oscar.box, oscar.env).armed("kill@9")(*RENEW, exit=-9)
    assert number(team, "operations WHERE state = 'open'") == 1
    # As if it had run elsewhere: nobody here can see that it is dead.
    team.pg.sql("UPDATE ymgr.operations SET lease_holder = 'elsewhere' || substr(lease_holder, strpos(lease_holder, '/')) WHERE state = 'open'")
    held = ada.json(*RENEW)
    assert [item for item in held["items"] if item.get("result") == "renewed"] == []
    team.pg.sql("UPDATE ymgr.operations SET lease_until = 1 WHERE state = 'open'")
    answers = at_once([ada, oscar], 4, *RENEW)
    assert all(answer["success"] for answer in answers)
    assert number(team, "operations WHERE state = 'open'") == 0
    assert number(team, "certificates WHERE name LIKE 'dead-%' AND renewed_from IS NOT NULL") == 6
    assert number(team, "audit_events WHERE event = 'issued' AND target LIKE 'dead-%'") == 12
