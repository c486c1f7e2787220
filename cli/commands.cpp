#include "cli/command.hpp"

namespace ymgr::cli {

extern const Command init_command, login_command, logout_command, whoami_command;
extern const Command issue_command, renew_command, revoke_command, resume_command;
extern const Command report_command, ask_command;
extern const Command notify_test_command, notify_send_command, notify_list_command;
extern const Command cert_list_command, cert_show_command, cert_export_command, cert_check_command,
    cert_explain_command, cert_track_command, cert_untrack_command;
extern const Command enroll_command, set_pin_command;
extern const Command device_list_command, device_show_command, device_attest_command, device_unblock_command,
    device_set_puk_command, device_rotate_secrets_command, device_reveal_command, device_assign_command,
    device_lost_command, device_found_command, device_retire_command, device_replace_command, device_reset_command;
extern const Command policy_show_command, policy_check_command, policy_validate_command, policy_simulate_command,
    policy_set_command;
extern const Command operation_list_command, operation_show_command, operation_approve_command, operation_deny_command,
    operation_abandon_command;
extern const Command ca_show_command, ca_export_command, ca_crl_command, ca_serve_command, ca_import_command,
    ca_rotate_command;
extern const Command audit_list_command, audit_verify_command, audit_export_command, audit_checkpoint_command;
extern const Command agent_status_command, agent_start_command, agent_register_command;
extern const Command reconcile_command, migrate_command;
extern const Command backup_create_command, backup_verify_command, backup_restore_command;
extern const Command license_status_command, license_install_command, license_history_command, license_id_command;
extern const Command db_status_command, db_upgrade_command;
extern const Command user_list_command, user_show_command, user_add_command, user_enable_command, user_disable_command,
    user_offboard_command, user_set_role_command, user_set_names_command, user_set_password_command;
extern const Command doctor_command;
extern const Command config_show_command, config_validate_command;
extern const Command explain_command, schema_command, completion_command, help_command, version_command;
extern const Command complete_command, docs_command;

namespace {

// clang-format off
constexpr const Command* table[] = {
    &init_command, &login_command, &logout_command, &whoami_command,
    &issue_command, &renew_command, &revoke_command, &resume_command, &reconcile_command, &report_command, &ask_command,
    &enroll_command, &set_pin_command,
    &cert_list_command, &cert_show_command, &cert_export_command, &cert_check_command, &cert_explain_command,
    &cert_track_command, &cert_untrack_command,
    &device_list_command, &device_show_command, &device_unblock_command, &device_set_puk_command,
    &device_rotate_secrets_command, &device_reveal_command, &device_attest_command, &device_assign_command,
    &device_lost_command, &device_found_command, &device_replace_command, &device_retire_command, &device_reset_command,
    &agent_status_command, &agent_start_command, &agent_register_command,
    &policy_show_command, &policy_check_command, &policy_validate_command, &policy_simulate_command,
    &policy_set_command,
    &operation_list_command, &operation_show_command, &operation_approve_command,
    &operation_deny_command, &operation_abandon_command,
    &notify_test_command, &notify_send_command, &notify_list_command,
    &ca_show_command, &ca_export_command, &ca_crl_command, &ca_serve_command, &ca_import_command, &ca_rotate_command,
    &audit_list_command, &audit_verify_command, &audit_export_command, &audit_checkpoint_command,
    &backup_create_command, &backup_verify_command, &backup_restore_command,
    &migrate_command,
    &user_list_command, &user_show_command, &user_add_command, &user_enable_command, &user_disable_command,
    &user_offboard_command, &user_set_role_command, &user_set_names_command, &user_set_password_command,
    &license_status_command, &license_install_command, &license_history_command, &license_id_command,
    &db_status_command, &db_upgrade_command,
    &doctor_command, &config_show_command, &config_validate_command,
    &explain_command, &schema_command, &completion_command, &help_command, &version_command,
    &complete_command, &docs_command,
};
// clang-format on

constexpr Group group_table[] = {
    {"cert", "certificates in the inventory"},
    {"device", "YubiKeys"},
    {"ca", "the certificate authority"},
    {"agent", "the daemon beside you that talks to YubiKeys"},
    {"policy", "what may be issued"},
    {"audit", "what was done, by whom"},
    {"operation", "what was begun, and how far it came"},
    {"notify", "telling people of what ends and fails"},
    {"backup", "the whole profile in one sealed file"},
    {"user", "people who may log in, and their roles"},
    {"license", "what the vendor's licence allows"},
    {"db", "the schema of the database"},
    {"config", "where each setting comes from"},
};

constexpr Option every_command[] = {
    {.name = "--json", .value = "", .help = "print one JSON document, also for errors"},
    {.name = "--fields", .value = "NAME,NAME", .help = "only these members or columns"},
    {.name = "--output", .value = "table|wide|json|jsonl|csv|name", .help = "form of the answer", .short_name = "-o"},
    {.name = "--quiet", .value = "", .help = "no summary and no progress", .short_name = "-q"},
    {.name = "--verbose", .value = "", .help = "tell what is done and where the time goes", .short_name = "-v"},
    {.name = "--color", .value = "auto|always|never", .help = "colours"},
    {.name = "--no-progress", .value = "", .help = "no progress bar"},
    {.name = "--no-input", .value = "", .help = "never ask; fail naming the flag that answers"},
    {.name = "--timeout", .value = "DURATION", .help = "longest wait for one answer of a backend, 60s at first"},
    {.name = "--config", .value = "FILE", .help = "configuration file", .short_name = "-c", .complete = "file"},
    {.name = "--context", .value = "NAME", .help = "section of the configuration", .complete = "context"},
    {.name = "--help", .value = "", .help = "this help", .short_name = "-h"},
};

constexpr Option every_change[] = {
    {.name = "--dry-run", .value = "", .help = "tell what would be done, change nothing", .short_name = "-n"},
    {.name = "--yes", .value = "", .help = "answer yes to the confirmation", .short_name = "-y"},
    {.name = "--detailed-exitcode", .value = "", .help = "exit 20 instead of 0 when something was changed"},
};

}  // namespace

std::span<const Command* const> commands() noexcept {
  return table;
}
std::span<const Option> global_options() noexcept {
  return every_command;
}
std::span<const Option> changing_options() noexcept {
  return every_change;
}
std::span<const Group> groups() noexcept {
  return group_table;
}

const Command* find_command(std::string_view path) noexcept {
  for (const Command* command : table) {
    if (command->path == path) return command;
  }
  return nullptr;
}

}  // namespace ymgr::cli
