// What the values of settings must look like. For cli/config.cpp.
#pragma once
#include <string>
#include <string_view>

namespace ymgr::cli {

/// `value` is no more and no less than one word of `characters`.
bool is_word_of(std::string_view value, std::string_view characters) noexcept;

/// Each @throws Error config-invalid (usage, duration-invalid where the value has a reader of its own): no such value.
void check_folder(const std::string& value);
void check_format(const std::string& value);
void check_duration(const std::string& value);
void check_renew_before(const std::string& value);
void check_jobs(const std::string& value);
void check_name(const std::string& value);
void check_pin_mode(const std::string& value);
void check_tries(const std::string& value);
void check_files(const std::string& value);
void check_vendor_keys(const std::string& value);
void check_addresses(const std::string& value);
void check_mount(const std::string& value);
void check_namespace(const std::string& value);
void check_file(const std::string& value);
void check_role(const std::string& value);
void check_auth(const std::string& value);
void check_prefix(const std::string& value);
void check_hosts(const std::string& value);
void check_port(const std::string& value);
void check_database(const std::string& value);
void check_domains(const std::string& value);
/// Words as split_words reads them, the first a path.
void check_program(const std::string& value);

}  // namespace ymgr::cli
