// The section `notify` of the configuration: what its values must look like, and the channels that it describes.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/config.hpp"
#include "workflow/notices.hpp"

namespace ymgr::cli {

/// Each @throws Error config-invalid, as those of cli/config_checks.hpp.
void check_windows(const std::string& value);
void check_mail_host(const std::string& value);
void check_mail_tls(const std::string& value);
void check_mail_address(const std::string& value);
void check_mail_addresses(const std::string& value);
void check_mail_user(const std::string& value);
void check_optional_port(const std::string& value);
void check_secret_place(const std::string& value);
void check_webhook_url(const std::string& value);
void check_webhook_kind(const std::string& value);
void check_header_name(const std::string& value);
void check_command(const std::string& value);

notices::Settings notice_settings(const Config&);
/// Those that are set up: mail, webhook, exec. Secrets are read when a channel is used, so that one that is missing keeps no other
/// channel from being served. @param environment  of the program
/// @throws Error config-invalid: one is set up by half, or would go over the network without TLS
std::vector<notices::Channel> notice_channels(const Config&, const std::vector<std::string>& environment);

/// The mail server of notices, with the recipients of reports, and its password read. nullopt: there is none
/// @throws Error config-invalid: it is set up by half
std::optional<mail::MailSettings> report_mail(const Config&);

}  // namespace ymgr::cli
