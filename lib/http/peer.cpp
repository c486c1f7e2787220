#include "http/peer.hpp"

#include <array>
#include <memory>

#include "base/error.hpp"
#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "http/curl.hpp"

namespace ymgr::http {
namespace {

constexpr int most_certificates = 20;
constexpr std::size_t most_text = 256UL * 1024;
constexpr std::string_view entry = "Cert:";

struct CloseEasy {
  void operator()(CURL* easy) const noexcept { curl().easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, CloseEasy>;

void check_place(const std::string& place) {
  const auto colon = place.rfind(':');
  const auto port = colon == std::string::npos ? std::nullopt : parse_number(place.substr(colon + 1));
  constexpr std::string_view good = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_[]:";
  if (colon != 0 && port && *port >= 1 && *port <= 65535 && place.find_first_not_of(good) == std::string::npos) return;
  throw Error(Code::usage, printable(place) + " is not HOST:PORT", "write www.example.com:443");
}

std::string collected(CURL* easy) {
  curl_certinfo* info = nullptr;
  curl().easy_getinfo(easy, CURLINFO_CERTINFO, &info);
  std::string pem;
  for (int i = 0; info != nullptr && i < std::min(info->num_of_certs, most_certificates); ++i)
    for (const curl_slist* line = info->certinfo[i]; line != nullptr; line = line->next) {
      const std::string_view text = line->data;
      if (text.starts_with(entry) && pem.size() + text.size() < most_text)
        pem.append(text.substr(entry.size())) += '\n';
    }
  return pem;
}

/// A name that can't be resolved holds libcurl for long; it asks this once a second.
int stop_when_told(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return interrupted() != 0 ? 1 : 0;
}

}  // namespace

std::string shown_by(const std::string& place, Duration timeout) {
  check_place(place);
  const Easy easy(curl().easy_init());
  if (!easy) throw Error(Code::system_error, "libcurl can't be used", "install libcurl4 again");
  std::array<char, CURL_ERROR_SIZE> why{};
  const auto set = [&](CURLoption option, auto value) { curl().easy_setopt(easy.get(), option, value); };
  const std::string url = "https://" + place + "/";
  const long milliseconds = static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count());
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_ERRORBUFFER, why.data());
  set(CURLOPT_PROXY, "");
  set(CURLOPT_PROTOCOLS_STR, "https");
  set(CURLOPT_CONNECT_ONLY, 1L);
  set(CURLOPT_CERTINFO, 1L);
  set(CURLOPT_SSL_VERIFYPEER, 0L);  // an expired one, or another CA's, is just what is asked for
  set(CURLOPT_SSL_VERIFYHOST, 0L);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, stop_when_told);
  set(CURLOPT_TIMEOUT_MS, milliseconds);
  set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds);
  const auto code = curl().easy_perform(easy.get());
  if (code == CURLE_ABORTED_BY_CALLBACK) throw_if_interrupted();
  auto pem = code == CURLE_OK ? collected(easy.get()) : std::string();
  if (!pem.empty()) return pem;
  const std::string reason = why[0] != '\0'     ? why.data()
                             : code == CURLE_OK ? "it shows no certificate"
                                                : curl().easy_strerror(code);
  throw Error(Code::system_error, "no certificate from " + place + ": " + printable(reason),
              "look whether a TLS server listens there; one that begins with STARTTLS is not understood");
}

}  // namespace ymgr::http
