// The limit of a client of Vault: the requests that a certificate can't do without, over kept connections, and nothing else.
//   bare_vault ADDRESS CA_FILE TOKEN_FILE CONNECTIONS COUNT ROLE CSR_FILE [TYPE PREFIX]
// Without TYPE each certificate is one call, pki/sign/ROLE with that request; with it also the two before: a new key of TYPE in transit, and
// its request. Prints the seconds it took.
#include <curl/curl.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Plan {
  std::string address, ca_file, token, role, csr, type, prefix;
};

std::string read_file(const char* path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// With its line ends as JSON has them.
std::string quoted(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? std::string("\\n") : std::string(1, c);
  return out;
}

std::size_t keep(char* data, std::size_t size, std::size_t count, void* into) {
  static_cast<std::string*>(into)->append(data, size * count);
  return size * count;
}

class Connection {
 public:
  explicit Connection(const Plan& plan) : plan_(plan), curl_(curl_easy_init()) {
    headers_ = curl_slist_append(headers_, ("X-Vault-Token: " + plan.token).c_str());
    headers_ = curl_slist_append(headers_, "Content-Type: application/json");
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(curl_, CURLOPT_CAINFO, plan.ca_file.c_str());
    curl_easy_setopt(curl_, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, keep);
  }
  ~Connection() {
    curl_slist_free_all(headers_);
    curl_easy_cleanup(curl_);
  }
  Connection(const Connection&) = delete;

  std::string post(const std::string& path, const std::string& body) {
    std::string answer;
    curl_easy_setopt(curl_, CURLOPT_URL, (plan_.address + "/v1/" + path).c_str());
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, body.c_str());
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &answer);
    long status = 0;
    if (curl_easy_perform(curl_) == CURLE_OK) curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299) {
      std::fprintf(stderr, "bare_vault: %s: %ld %s\n", path.c_str(), status, answer.c_str());
      std::exit(1);
    }
    return answer;
  }

  void certificate(int number) {
    std::string csr = quoted(plan_.csr);
    if (!plan_.type.empty()) {
      const std::string key = "transit/keys/" + plan_.prefix + std::to_string(number);
      post(key, R"({"type":")" + plan_.type + R"("})");
      const std::string made = post(key + "/csr", R"({"csr":")" + csr + R"("})");
      constexpr char member[] = R"("csr":")";
      const auto begin = made.find(member) + sizeof member - 1;
      csr = made.substr(begin, made.find('"', begin) - begin);
    }
    post("pki/sign/" + plan_.role, R"({"common_name":"bare.corp.test","csr":")" + csr + R"("})");
  }

 private:
  const Plan& plan_;
  CURL* curl_;
  curl_slist* headers_ = nullptr;
};

}  // namespace

int main(int count, char** words) {
  if (count != 8 && count != 10) return 2;
  const Plan plan{words[1],
                  words[2],
                  read_file(words[3]),
                  words[6],
                  read_file(words[7]),
                  count == 10 ? words[8] : "",
                  count == 10 ? words[9] : ""};
  const int connections = std::atoi(words[4]), wanted = std::atoi(words[5]);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const auto begin = std::chrono::steady_clock::now();
  std::atomic<int> next{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < connections; ++i)
      threads.emplace_back([&] {
        Connection connection(plan);
        for (int number = next++; number < wanted; number = next++) connection.certificate(number);
      });
  }
  std::printf("%.6f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}
