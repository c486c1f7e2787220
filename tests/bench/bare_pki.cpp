// The limit of a local CA: P-256 key, request, check of the request, signature, check of the certificate against the CA, and
// nothing else; one OpenSSL library context a thread. bare_pki COUNT THREADS prints the seconds it took.
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

void require(bool held) {
  if (!held) {
    std::fprintf(stderr, "bare_pki: OpenSSL refused\n");
    std::exit(1);
  }
}

EVP_PKEY* new_key(OSSL_LIB_CTX* context) {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(context, nullptr, "EC", "P-256");
  require(key != nullptr);
  return key;
}

void add(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  require(extension && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

X509* sign(OSSL_LIB_CTX* context, EVP_PKEY* subject, const std::string& name, X509* issuer, EVP_PKEY* issuer_key) {
  X509* certificate = X509_new_ex(context, nullptr);
  unsigned char serial[16];
  RAND_bytes(serial, sizeof serial);
  serial[0] &= 0x7f;
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  X509_set_version(certificate, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 90L * 86400);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
  require(X509_set_pubkey(certificate, subject) == 1);
  add(certificate, issuer ? issuer : certificate, NID_basic_constraints,
      issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
  add(certificate, issuer ? issuer : certificate, NID_key_usage,
      issuer ? "critical,digitalSignature" : "critical,keyCertSign,cRLSign");
  add(certificate, issuer ? issuer : certificate, NID_subject_key_identifier, "hash");
  if (issuer) {
    add(certificate, issuer, NID_authority_key_identifier, "keyid");
    add(certificate, issuer, NID_ext_key_usage, "serverAuth");
    add(certificate, issuer, NID_subject_alt_name, ("DNS:" + name).c_str());
  }
  require(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
  return certificate;
}

void one(OSSL_LIB_CTX* context, const std::string& name, X509* ca, EVP_PKEY* ca_key) {
  EVP_PKEY* key = new_key(context);
  X509_REQ* request = X509_REQ_new_ex(context, nullptr);
  X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  require(X509_REQ_set_pubkey(request, key) == 1 && X509_REQ_sign(request, key, EVP_sha256()) > 0);
  require(X509_REQ_verify_ex(request, key, context, nullptr) == 1);
  X509* certificate = sign(context, key, name, ca, ca_key);
  require(X509_verify(certificate, ca_key) == 1);
  X509_free(certificate);
  X509_REQ_free(request);
  EVP_PKEY_free(key);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int count = std::atoi(argv[1]), threads = std::atoi(argv[2]);
  std::atomic<int> next{0};
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; ++i)
    workers.emplace_back([&] {
      OSSL_LIB_CTX* context = OSSL_LIB_CTX_new();
      OSSL_LIB_CTX* former = OSSL_LIB_CTX_set0_default(context);
      EVP_PKEY* ca_key = new_key(context);
      X509* ca = sign(context, ca_key, "CA", nullptr, ca_key);
      for (int n = next++; n < count; n = next++) one(context, "n" + std::to_string(n) + ".example.com", ca, ca_key);
      X509_free(ca);
      EVP_PKEY_free(ca_key);
      OSSL_LIB_CTX_set0_default(former);
      OSSL_LIB_CTX_free(context);
    });
  for (auto& worker : workers) worker.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%.6f\n", took.count());
}
