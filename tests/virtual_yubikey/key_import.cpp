// IMPORT KEY brings numbers; here they become keys.
#include <openssl/core_names.h>
#include <openssl/obj_mac.h>

#include "virtual_yubikey/algorithms.hpp"
#include "virtual_yubikey/keys.hpp"
#include "virtual_yubikey/status.hpp"

namespace virtual_yubikey {
namespace {

using Builder = Owner<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = Owner<OSSL_PARAM, OSSL_PARAM_free>;
using Group = Owner<EC_GROUP, EC_GROUP_free>;
using Point = Owner<EC_POINT, EC_POINT_clear_free>;

constexpr unsigned long public_exponent = 65537;

Number to_number(View bytes) {
  Number value(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  must(value != nullptr, "no memory");
  return value;
}

Number fresh() {
  Number value(BN_new());
  must(value != nullptr, "no memory");
  return value;
}

/// The private key (DER) that OpenSSL makes of `builder`. @throws Refusal 6A80
Bytes build(const char* type, const Builder& builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  must(parameters && context && EVP_PKEY_fromdata_init(context.get()) == 1, "OpenSSL builds no key");
  EVP_PKEY* made = nullptr;
  require(EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, parameters.get()) == 1, Status::wrong_data);
  return to_der(Pkey(made), i2d_PrivateKey);
}

View required(const std::vector<Tlv>& elements, std::uint32_t tag, std::size_t most) {
  const auto value = find(elements, tag);
  require(value && !value->empty() && value->size() <= most, Status::wrong_data);
  return *value;
}

struct RsaNumbers {
  Number p, q, dp, dq, qinv;        // given
  Number n = fresh(), d = fresh();  // computed
};

/// n = pq and d = 1/e mod (p-1)(q-1); whether the numbers are those of one key of that size.
bool complete(RsaNumbers& numbers, std::size_t bits) {
  const NumberContext context(BN_CTX_new());
  const Number e = fresh(), p1 = fresh(), q1 = fresh(), phi = fresh(), rest = fresh();
  BN_set_word(e.get(), public_exponent);
  BN_sub(p1.get(), numbers.p.get(), BN_value_one());
  BN_sub(q1.get(), numbers.q.get(), BN_value_one());
  BN_mul(phi.get(), p1.get(), q1.get(), context.get());
  BN_mul(numbers.n.get(), numbers.p.get(), numbers.q.get(), context.get());
  if (static_cast<std::size_t>(BN_num_bits(numbers.n.get())) != bits) return false;
  if (BN_mod_inverse(numbers.d.get(), e.get(), phi.get(), context.get()) == nullptr) return false;
  BN_mod(rest.get(), numbers.d.get(), p1.get(), context.get());
  if (BN_cmp(rest.get(), numbers.dp.get()) != 0) return false;
  BN_mod(rest.get(), numbers.d.get(), q1.get(), context.get());
  if (BN_cmp(rest.get(), numbers.dq.get()) != 0) return false;
  BN_mod_mul(rest.get(), numbers.q.get(), numbers.qinv.get(), numbers.p.get(), context.get());
  return BN_is_one(rest.get()) == 1;
}

Bytes import_rsa(Byte algorithm, const std::vector<Tlv>& elements) {
  const std::size_t half = rsa_bits(algorithm) / 16;
  const auto given = [&](std::uint32_t tag) { return to_number(required(elements, tag, half)); };
  RsaNumbers numbers{given(1), given(2), given(3), given(4), given(5)};
  require(complete(numbers, rsa_bits(algorithm)), Status::wrong_data);
  const Builder builder(OSSL_PARAM_BLD_new());
  const auto push = [&](const char* name, const Number& value) {
    must(OSSL_PARAM_BLD_push_BN(builder.get(), name, value.get()) == 1, "no memory");
  };
  push(OSSL_PKEY_PARAM_RSA_N, numbers.n);
  must(OSSL_PARAM_BLD_push_ulong(builder.get(), OSSL_PKEY_PARAM_RSA_E, public_exponent) == 1, "no memory");
  push(OSSL_PKEY_PARAM_RSA_D, numbers.d);
  push(OSSL_PKEY_PARAM_RSA_FACTOR1, numbers.p);
  push(OSSL_PKEY_PARAM_RSA_FACTOR2, numbers.q);
  push(OSSL_PKEY_PARAM_RSA_EXPONENT1, numbers.dp);
  push(OSSL_PKEY_PARAM_RSA_EXPONENT2, numbers.dq);
  push(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, numbers.qinv);
  return build("RSA", builder);
}

/// The uncompressed point of a private scalar. @throws Refusal 6A80 zero, or not below the order
Bytes public_point(Byte algorithm, const Number& scalar) {
  const Group group(EC_GROUP_new_by_curve_name(algorithm == p256 ? NID_X9_62_prime256v1 : NID_secp384r1));
  require(BN_is_zero(scalar.get()) == 0 && BN_cmp(scalar.get(), EC_GROUP_get0_order(group.get())) < 0,
          Status::wrong_data);
  const Point point(EC_POINT_new(group.get()));
  must(EC_POINT_mul(group.get(), point.get(), scalar.get(), nullptr, nullptr, nullptr) == 1, "no point");
  Bytes encoded(1 + 2 * curve_bytes(algorithm));
  EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED, encoded.data(), encoded.size(), nullptr);
  return encoded;
}

Bytes import_ec(Byte algorithm, const std::vector<Tlv>& elements) {
  const Number scalar = to_number(required(elements, 6, curve_bytes(algorithm)));
  const Bytes point = public_point(algorithm, scalar);
  const Builder builder(OSSL_PARAM_BLD_new());
  must(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, algorithm == p256 ? "P-256" : "P-384",
                                       0) == 1 &&
           OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar.get()) == 1 &&
           OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1,
       "no memory");
  return build("EC", builder);
}

Bytes import_25519(Byte algorithm, const std::vector<Tlv>& elements) {
  const View raw = required(elements, algorithm == ed25519 ? 7 : 8, 32);
  require(raw.size() == 32, Status::wrong_data);
  const int type = algorithm == ed25519 ? EVP_PKEY_ED25519 : EVP_PKEY_X25519;
  const Pkey key(EVP_PKEY_new_raw_private_key(type, nullptr, raw.data(), raw.size()));
  must(key != nullptr, "no key");
  return to_der(key, i2d_PrivateKey);
}

}  // namespace

Bytes import_key(Byte algorithm, const std::vector<Tlv>& elements) {
  if (rsa_bits(algorithm) != 0) return import_rsa(algorithm, elements);
  if (curve_bytes(algorithm) != 0) return import_ec(algorithm, elements);
  return import_25519(algorithm, elements);
}

}  // namespace virtual_yubikey
