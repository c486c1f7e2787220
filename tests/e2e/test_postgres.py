"""The PostgreSQL servers of the tests are what the tests take them for."""

from harness import run
from postgres import Postgres


def test_a_server_proves_who_it_is_crashes_and_is_followed():
    with Postgres("postgres", tls=True, replicas=True).start() as primary:
        primary.sql("CREATE ROLE ada LOGIN PASSWORD 'right'; CREATE TABLE kept (n INT); INSERT INTO kept VALUES (1)")
        primary.crash().serve()
        assert primary.sql("SELECT n FROM kept") == "1"
        client = primary.env | primary.tls | {"PGUSER": "ada", "PGPASSWORD": "right"}
        question = ["psql", "-XAtc", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"]
        assert run(question, env=client).stdout == "t\n"
        run(question, env=client | {"PGHOST": "127.0.0.1"}, exit=2)
        run(question, env=client | {"PGSSLMODE": "disable"}, exit=2)
        with primary.standby() as standby:
            assert standby.sql("SELECT n, pg_is_in_recovery() FROM kept") == "1|t"
            primary.crash()
            standby.promote()
            standby.sql("INSERT INTO kept VALUES (2)")
            assert standby.sql("SELECT count(*) FROM kept") == "2"
