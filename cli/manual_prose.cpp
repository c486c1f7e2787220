#include "cli/manual_prose.hpp"

#include "base/text.hpp"
#include "cli/config.hpp"

namespace ymgr::cli {

namespace {

constexpr std::string_view first_steps = R"(ymgr init --admin alice
ymgr login --user alice
ymgr issue www.example.com --out /etc/nginx/tls --deploy-hook 'systemctl reload nginx'
ymgr report
)";
constexpr std::string_view by_itself =
    R"(17 2 * * *  YMGR_USER=renewer YMGR_PASSWORD_FILE=/etc/ymgr/renewer.password ymgr renew --due --quiet
)";
constexpr std::string_view with_a_key = R"(ymgr agent start
ymgr enroll --device 12345678
ymgr issue alice --profile piv-auth --device 12345678 --slot 9a
ymgr set-pin --device 12345678
)";
constexpr std::string_view in_a_team = R"(ymgr init --team --plan plan -c team.yaml
ymgr init --team --apply -c team.yaml
ymgr init --join https://vault.example.com:8200
ymgr login --user alice
)";
constexpr std::string_view in_a_script = R"(ymgr issue www.example.com --json | jq -r .certificate
ymgr cert list --select 'expires-before=2027-01-01' -o csv
ymgr cert check www.example.com || echo "exit status $?"
)";

constexpr std::string_view yaml_of_one = R"(home: /srv/ymgr
timeout: 30s
renew_before: 33%
session:
  folder: /run/ymgr
secrets:
  pin: user
contexts:
  test:
    home: ~/test-profile
    output: json
)";
constexpr std::string_view yaml_of_team = R"(vault:
  address: [https://vault1.example.com:8200, https://vault2.example.com:8200]
  ca_file: /etc/ymgr/ca.pem
  auth: ldap
  domains: [example.com, 10.0.0.0/8]
database:
  host: [db1.example.com, db2.example.com]
  ca_file: /etc/ymgr/ca.pem
)";

std::string keys_of_lists() {
  std::vector<std::string> names;
  for (const ConfigKey& key : config_keys())
    if (may_be_list(key)) names.push_back("`" + std::string(key.name) + "`");
  return join(names, ", ");
}

}  // namespace

std::vector<ManualPage::Section> program_prose() {
  return {
      {"FIRST STEPS",
       "`ymgr init` makes a profile in one folder: inventory, sealed keys, a certificate authority and an audit trail. "
       "Nothing "
       "else is installed or runs. `ymgr login` opens a session, 8 hours for most, one hour for admins. With `--out` "
       "the "
       "certificate is also installed: where it went and which hooks it has is remembered on this host, so that "
       "renewals "
       "go to the same place.",
       {},
       std::string(first_steps)},
      {"RENEWAL BY ITSELF",
       "`ymgr renew --due` renews what this host has installed, and what is installed nowhere, once its time has come. "
       "It does "
       "nothing and exits 0 when nothing is due, so that it may run as often as one likes: from a timer of systemd or "
       "from "
       "cron, whose times are the host's own; give each host a minute of its own there, as the timer does. Hooks run "
       "as whoever runs it: of the system's timer that is root, and `runuser -u postgres -- COMMAND` makes it somebody "
       "else; in the timer of a user nothing does, sudo neither. A deploy hook that fails is owed, and every later run "
       "tries it again. `ymgr cert explain` tells why a "
       "certificate was or was not "
       "renewed, `ymgr doctor` whether anything runs renewals at all.",
       {},
       std::string(by_itself)},
      {"YUBIKEYS",
       "`ymgr-agentd`(8) beside the person alone talks to the key. Enrolling gives it a random management key, PUK and "
       "PIN, kept "
       "for those who may have them. Keys are made on the YubiKey and never leave it.",
       {},
       std::string(with_a_key)},
      {"A TEAM",
       "Where `vault.address` and `database.host` are configured, the same commands work with OpenBao or Vault, and "
       "PostgreSQL: "
       "secrets, keys and the CA there, inventory and audit trail here. The plan shows every right that the servers "
       "are asked "
       "for before anything is changed. Who may do what is decided by the servers, not by this program.",
       {},
       std::string(in_a_team)},
      {"SCRIPTS",
       "Answers stand on standard output in the form that `--output` names; `jsonl` and `csv` have one line an item. "
       "Exit status tells what "
       "kind of failure it was; in JSON `code` tells which, and `retryable` whether the same command may work later. "
       "An operation that "
       "stopped half-way is finished by the same command, or by `ymgr resume`.",
       {},
       std::string(in_a_script)},
      {"SECRETS",
       "No secret is taken from the command line or from the environment, a token of Vault excepted: passwords, PINs "
       "and PUKs are asked for on "
       "the terminal, or read from files that nobody else can read (`--password-file`, `--pin-file`; - is standard "
       "input). In a profile "
       "on one machine, whoever can read and unlock its folder can do everything: roles and audit guard against "
       "mistakes there.",
       {}},
  };
}

std::vector<ManualPage::Section> config_prose() {
  return {
      {"VALUES",
       "Durations are written `90d`, `36h`, `1h30m` or `2w`; `33%` is a share of a certificate's life. Paths begin "
       "with / or ~/. What may "
       "have several values may be a list: " +
           keys_of_lists() +
           ".\n\n"
           "Keys with a dot stand in a section: `vault.address` is `address` below `vault`. A file that others can "
           "write "
           "is reported by "
           "`ymgr doctor`, and no program that it names is run. No secret belongs into a configuration file; where one "
           "is needed, a key names the file that has "
           "it.",
       {}},
      {"EXAMPLES", "One machine, and a second profile to try things in:", {}, std::string(yaml_of_one)},
      {"A TEAM'S CLIENTS",
       "What `ymgr init --join` writes, with a cluster of two and a standby:",
       {},
       std::string(yaml_of_team)},
  };
}

}  // namespace ymgr::cli
