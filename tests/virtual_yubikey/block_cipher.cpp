#include "virtual_yubikey/block_cipher.hpp"

#include <openssl/rand.h>

#include "virtual_yubikey/algorithms.hpp"
#include "virtual_yubikey/openssl.hpp"

namespace virtual_yubikey {
namespace {

const EVP_CIPHER* cipher_of(Byte algorithm) {
  switch (algorithm) {
    case aes128: return EVP_aes_128_ecb();
    case aes192: return EVP_aes_192_ecb();
    case aes256: return EVP_aes_256_ecb();
    default: return EVP_des_ede3_ecb();
  }
}

}  // namespace

std::size_t block_bytes(Byte algorithm) {
  return algorithm == tdes ? 8 : 16;
}

Bytes run_block(Byte algorithm, View key, View block, Direction direction) {
  const Owner<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free> context(EVP_CIPHER_CTX_new());
  Bytes result(block.size() + EVP_MAX_BLOCK_LENGTH);
  int size = 0;
  must(EVP_CipherInit_ex(context.get(), cipher_of(algorithm), nullptr, key.data(), nullptr,
                         direction == Direction::encrypt ? 1 : 0) == 1 &&
           EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1 &&
           EVP_CipherUpdate(context.get(), result.data(), &size, block.data(), static_cast<int>(block.size())) == 1,
       "the block cipher failed");
  result.resize(static_cast<std::size_t>(size));
  return result;
}

Bytes random_bytes(std::size_t size) {
  Bytes bytes(size);
  must(RAND_bytes(bytes.data(), static_cast<int>(size)) == 1, "no random bytes");
  return bytes;
}

}  // namespace virtual_yubikey
