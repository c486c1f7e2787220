// What a call of the agent can't do without: bare_card READER KEY-OF-24-BYTES-IN-HEX. Each line of stdin is answered by the
// seconds that it took: "oaep" is one RSA-3072 OAEP decryption; "HEX STATUS HEX STATUS …" connects, sends these APDUs in a
// transaction, and disconnects; each must be answered as then. Only the management key's proof is computed anew.
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <winscard.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Bytes = std::vector<unsigned char>;

void require(bool held, const char* what) {
  if (held) return;
  std::fprintf(stderr, "bare_card: %s\n", what);
  std::exit(1);
}

Bytes from_hex(const std::string& text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<unsigned char>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

struct Line {
  std::vector<Bytes> apdus, statuses;
};

Line parse(const std::string& text) {
  Line line;
  std::istringstream words(text);
  for (std::string apdu, status; words >> apdu >> status;) {
    line.apdus.push_back(from_hex(apdu));
    line.statuses.push_back(from_hex(status));
  }
  return line;
}

/// The card's witness, decrypted, takes the place of the recorded one.
void prove(Bytes& apdu, const Bytes& answer, const Bytes& key) {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  int size = 0;
  require(answer.size() >= 20 && apdu.size() >= 25, "no witness");
  require(EVP_DecryptInit_ex(context, EVP_aes_192_ecb(), nullptr, key.data(), nullptr) == 1 &&
              EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
              EVP_DecryptUpdate(context, apdu.data() + 9, &size, answer.data() + 4, 16) == 1,
          "OpenSSL refused");
  EVP_CIPHER_CTX_free(context);
}

void send_all(Line line, const char* reader, const Bytes& key) {
  SCARDCONTEXT context = 0;
  SCARDHANDLE card = 0;
  DWORD protocol = 0;
  require(
      SCardEstablishContext(SCARD_SCOPE_USER, nullptr, nullptr, &context) == SCARD_S_SUCCESS &&
          SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, &protocol) == SCARD_S_SUCCESS &&
          SCardBeginTransaction(card) == SCARD_S_SUCCESS,
      "no card");
  Bytes answer(4096), before;
  for (std::size_t i = 0; i < line.apdus.size(); ++i) {
    Bytes& apdu = line.apdus[i];
    if (apdu[1] == 0x87 && apdu[3] == 0x9b && apdu[4] > 4) prove(apdu, before, key);
    DWORD size = answer.size();
    require(
        SCardTransmit(card, SCARD_PCI_T1, apdu.data(), apdu.size(), nullptr, answer.data(), &size) == SCARD_S_SUCCESS &&
            size >= 2 && answer[size - 2] == line.statuses[i][0],
        "another answer than then");
    before.assign(answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(size));
  }
  SCardEndTransaction(card, SCARD_RESET_CARD);  // what has been proven to it is forgotten
  SCardDisconnect(card, SCARD_LEAVE_CARD);
  SCardReleaseContext(context);
}

class Decryption {
 public:
  Decryption() : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{3072})), box_(384) {
    EVP_PKEY_CTX* context = start(EVP_PKEY_encrypt_init);
    std::size_t size = box_.size();
    const unsigned char text[] = "123456";
    require(EVP_PKEY_encrypt(context, box_.data(), &size, text, sizeof text) == 1, "OpenSSL refused");
    EVP_PKEY_CTX_free(context);
  }
  void operator()() const {
    EVP_PKEY_CTX* context = start(EVP_PKEY_decrypt_init);
    Bytes text(box_.size());
    std::size_t size = text.size();
    require(EVP_PKEY_decrypt(context, text.data(), &size, box_.data(), box_.size()) == 1, "OpenSSL refused");
    EVP_PKEY_CTX_free(context);
  }

 private:
  EVP_PKEY_CTX* start(int (*init)(EVP_PKEY_CTX*)) const {
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key_, nullptr);
    require(context != nullptr && init(context) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1,
            "OpenSSL refused");
    return context;
  }
  EVP_PKEY* key_;
  Bytes box_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const Bytes key = from_hex(argv[2]);
  const Decryption decrypt;
  for (std::string text; std::getline(std::cin, text);) {
    const Line line = text == "oaep" ? Line() : parse(text);
    const auto begin = std::chrono::steady_clock::now();
    text == "oaep" ? decrypt() : send_all(line, argv[1], key);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%.9f\n", took.count());
    std::fflush(stdout);
  }
}
