"""A team's commands, against its real servers."""

import pytest
from harness import RELEASE, Box, Ymgr
from team import Team


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    folder = tmp_path_factory.mktemp("team")
    box = Box(folder / "box")
    with Team(folder, Ymgr(RELEASE, box)) as team:
        yield team
    box.remove()


def test_login_makes_a_session_and_logout_ends_it(team):
    una = team.person_box("una")
    logged_in = una("login", "--user", "una", "--json").json
    assert (logged_in["user"], logged_in["role"]) == ("una", "user")
    assert una("whoami", "--json").json["session"] == "file"
    assert una("logout", "--json").json["ended"] is True
    assert una("whoami", "--json", exit=4).json["code"] == "not-logged-in"
