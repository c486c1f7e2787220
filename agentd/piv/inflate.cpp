#include <zlib.h>

#include <memory>

#include "agentd/piv/certificate_object.hpp"
#include "base/error.hpp"

namespace ymgr::piv {
namespace {

struct Ended {
  void operator()(z_stream* stream) const noexcept { inflateEnd(stream); }
};

}  // namespace

std::string unpack_gzip(std::string_view packed, std::size_t most) {
  constexpr int gzip_only = 15 + 16;
  z_stream stream{};
  if (inflateInit2(&stream, gzip_only) != Z_OK) throw Error(Code::internal, "zlib does not start");
  const std::unique_ptr<z_stream, Ended> owner(&stream);
  std::string out(most, '\0');
  std::string in(packed);  // zlib's input is not const everywhere
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (inflate(&stream, Z_FINISH) != Z_STREAM_END) {
    throw Error(Code::device_failed, "the certificate in the slot is packed in a way that can't be read");
  }
  out.resize(stream.total_out);
  return out;
}

}  // namespace ymgr::piv
