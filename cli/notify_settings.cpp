#include "cli/notify_settings.hpp"

#include <algorithm>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/config_checks.hpp"
#include "cli/environment.hpp"
#include "report/webhook.hpp"

namespace ymgr::cli {
namespace {

constexpr std::string_view credential = "credential:";

[[noreturn]] void refuse(const std::string& value, std::string_view what, std::string hint = {}) {
  throw Error(Code::config_invalid, "'" + printable(value) + "' is no " + std::string(what), std::move(hint));
}

constexpr std::string_view letters_and_digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

http::SmtpTls tls_of(std::string_view text) {
  return text == "tls" ? http::SmtpTls::implicit : text == "none" ? http::SmtpTls::none : http::SmtpTls::starttls;
}

int usual_port(http::SmtpTls tls) noexcept {
  return tls == http::SmtpTls::implicit ? 465 : tls == http::SmtpTls::none ? 25 : 587;
}

std::shared_ptr<const Secret> read_secret(const std::string& place) {
  if (place.empty()) return nullptr;
  if (!place.starts_with(credential)) return std::make_shared<Secret>(read_secret_file(place));
  const auto folder = environment("CREDENTIALS_DIRECTORY");
  if (!folder)
    throw Error(Code::config_invalid, "there are no credentials of systemd here, so no " + printable(place),
                "it is for a unit with LoadCredential=; else name a file");
  return std::make_shared<Secret>(read_secret_file(*folder + "/" + place.substr(credential.size())));
}

[[noreturn]] void lacks(std::string_view section, std::string_view key) {
  throw Error(Code::config_invalid, std::string(section) + " lacks " + std::string(key),
              "write it into the configuration file, or leave the whole section out");
}

std::string mail_password(const Config& config) {
  return config.at("notify.mail.password_file").value;
}

/// Whose password is not read yet.
mail::MailSettings mail_settings(const Config& config) {
  const auto value = [&](const char* key) { return config.at(std::string("notify.mail.") + key).value; };
  mail::MailSettings settings;
  auto& server = settings.server;
  server.host = value("host");
  server.tls = tls_of(value("tls"));
  server.port = static_cast<int>(parse_number(value("port")).value_or(usual_port(server.tls)));
  server.ca_file = value("ca_file");
  server.user = value("user");
  server.timeout = parse_duration(config.at("notify.timeout").value);
  settings.envelope.from = value("from");
  if (const auto to = value("to"); !to.empty()) settings.envelope.to = split(to, ',');
  if (settings.envelope.from.empty()) lacks("notify.mail", "from");
  if (server.user.empty() != mail_password(config).empty())
    lacks("notify.mail", server.user.empty() ? "user" : "password_file");
  if (server.tls == http::SmtpTls::none && !http::is_this_host(server.host))
    throw Error(Code::config_invalid, "notify.mail.tls: none is for a mail server on this host",
                "tls: starttls or tls, or host: localhost");
  return settings;
}

notices::Channel mail_channel(const Config& config) {
  auto settings = mail_settings(config);
  if (settings.envelope.to.empty()) lacks("notify.mail", "to");
  return {"mail", settings.server.timeout, [settings, place = mail_password(config)](const Digest& digest) {
            auto ready = settings;
            ready.server.password = read_secret(place);
            notices::send_by_mail(ready, digest);
          }};
}

webhook::Settings webhook_settings(const Config& config) {
  webhook::Settings settings;
  settings.kind = config.at("notify.webhook.kind").value == "slack" ? webhook::Kind::slack : webhook::Kind::json;
  settings.ca_file = config.at("notify.webhook.ca_file").value;
  settings.header = config.at("notify.webhook.header").value;
  settings.timeout = parse_duration(config.at("notify.timeout").value);
  return settings;
}

notices::Channel webhook_channel(const Config& config) {
  const auto settings = webhook_settings(config);
  const auto url = config.at("notify.webhook.url").value, url_file = config.at("notify.webhook.url_file").value;
  const auto header_file = config.at("notify.webhook.header_file").value;
  if (!url.empty() && !url_file.empty())
    throw Error(Code::config_invalid, "notify.webhook has url and url_file", "keep one of them");
  if (settings.header.empty() != header_file.empty())
    lacks("notify.webhook", header_file.empty() ? "header_file" : "header");
  return {"webhook", settings.timeout, [settings, url, url_file, header_file](const Digest& digest) {
            auto ready = settings;
            ready.url = url.empty() ? read_secret(url_file) : std::make_shared<Secret>(std::string_view(url));
            ready.header_value = read_secret(header_file);
            webhook::send(ready, digest);
          }};
}

notices::Channel exec_channel(const Config& config, const std::vector<std::string>& environment) {
  constexpr std::string_view key = "notify.exec.command";
  const auto limit = parse_duration(config.at("notify.timeout").value);
  return {"exec", limit, [key, setting = config.at(key), environment, limit](const Digest& digest) {
            notices::send_by_program({program_of(key, setting), environment, limit}, digest);
          }};
}

}  // namespace

void check_windows(const std::string& value) {
  const auto days = split(value, ',');
  const bool right = days.size() <= 20 && std::ranges::all_of(days, [](const std::string& text) {
                       const auto number = parse_number(trim(text));
                       return number && *number >= 1 && *number <= 365;
                     });
  if (!right) refuse(value, "list of days from 1 to 365", "[30, 14, 7, 1]");
}
void check_mail_host(const std::string& value) {
  if (!value.empty() && !is_word_of(value, std::string(letters_and_digits) + ".-:"))
    refuse(value, "mail server", "a name or an address; the port has a key of its own");
}
void check_mail_tls(const std::string& value) {
  if (value != "starttls" && value != "tls" && value != "none") refuse(value, "way of TLS", "starttls, tls or none");
}
void check_mail_address(const std::string& value) {
  if (!value.empty() && !http::is_mail_address(value)) refuse(value, "mail address", "name@example.com, nothing else");
}
void check_mail_addresses(const std::string& value) {
  if (value.empty()) return;
  for (const auto& address : split(value, ','))
    if (!http::is_mail_address(address)) refuse(address, "mail address", "[one@example.com, two@example.com]");
}
void check_mail_user(const std::string& value) {
  if (value != printable(value)) refuse(value, "name to log in with");
}
void check_optional_port(const std::string& value) {
  if (!value.empty()) check_port(value);
}
void check_secret_place(const std::string& value) {
  if (!value.starts_with(credential)) return check_file(value);
  if (!is_word_of(std::string_view(value).substr(credential.size()), std::string(letters_and_digits) + "_-"))
    refuse(value, "name of a credential");
}
void check_webhook_url(const std::string& value) {
  if (!value.empty() && !webhook::is_url(value))
    throw Error(Code::config_invalid, "the URL of the webhook is none",
                "https://…, or http:// to this host; one that is a secret itself stands in url_file");
}
void check_webhook_kind(const std::string& value) {
  if (value != "json" && value != "slack") refuse(value, "kind of webhook", "json or slack");
}
void check_header_name(const std::string& value) {
  if (!value.empty() && !is_word_of(value, std::string(letters_and_digits) + "-"))
    refuse(value, "name of a header", "the value stands in header_file");
}
void check_command(const std::string& value) {
  if (value.empty()) return;
  const auto words = split_words(value);
  if (words.empty() || words.front().empty()) refuse(value, "command", "[/usr/local/bin/tell, --urgent]");
}

std::optional<mail::MailSettings> report_mail(const Config& config) {
  if (config.at("notify.mail.host").value.empty()) return std::nullopt;
  auto settings = mail_settings(config);
  if (const auto to = config.at("report.to").value; !to.empty()) settings.envelope.to = split(to, ',');
  if (settings.envelope.to.empty()) lacks("report", "to");
  settings.server.password = read_secret(mail_password(config));
  return settings;
}

notices::Settings notice_settings(const Config& config) {
  notices::Settings settings;
  settings.windows.clear();
  for (const auto& text : split(config.at("notify.windows").value, ','))
    settings.windows.push_back(static_cast<int>(parse_number(trim(text)).value_or(1)));
  settings.heartbeat_limit = config.heartbeat();
  return settings;
}

std::vector<notices::Channel> notice_channels(const Config& config, const std::vector<std::string>& environment) {
  std::vector<notices::Channel> channels;
  const auto is_set = [&](std::string_view key) { return !config.at(key).value.empty(); };
  if (is_set("notify.mail.host")) channels.push_back(mail_channel(config));
  if (is_set("notify.webhook.url") || is_set("notify.webhook.url_file")) channels.push_back(webhook_channel(config));
  if (is_set("notify.exec.command")) channels.push_back(exec_channel(config, environment));
  return channels;
}

}  // namespace ymgr::cli
