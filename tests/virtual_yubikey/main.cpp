// virtual-yubikey: a PIV card in software behind vpcd, for tests, demonstrations and pipelines.
#include <getopt.h>

#include <cstdio>
#include <cstdlib>

#include "virtual_yubikey/attestation.hpp"
#include "virtual_yubikey/device.hpp"

using namespace virtual_yubikey;

namespace {

constexpr const char* help_text =
    R"(usage: virtual-yubikey --vpcd HOST:PORT --state FILE [--firmware VERSION] [--serial N] [OPTION]...

A YubiKey's PIV application in software, plugged into the vpcd reader that listens on HOST:PORT. It ends with the reader.
Its keys are in FILE, readable: no secret of yours belongs there. Beside FILE stand virtual-yubikey-root.pem, the root of
its attestations, and the root's key; both are made by the first key of a folder and shared by all.

  --vpcd HOST:PORT      the reader
  --state FILE          what the key remembers when it is pulled out; made when there is none
  --firmware VERSION    of a new key: 4.3.5, 5.2.7, 5.4.3 or 5.7.4 (default 5.7.4)
  --serial N            of a new key, 1 to 2147483647
  --fips                a new key of the FIPS series
  --complexity          a new key that refuses trivial PINs
  --reset-blocked       a new key that refuses RESET
  --touch HOW           given at once (default), refused, or asked: `touch given` or `touch refused` must come
  --touch-timeout MS    how long a touch is waited for (default 15000)
  --fault FAULT         go wrong once; may be repeated
  --control SOCKET      listen there for commands, one a line; each is answered by one JSON document on one line
  --help                this text

Commands: status, trace, apdus (with their data), touch given|refused|asked, unplug, plug, fault FAULT, clear (all faults), release,
set complexity|reset-blocked on|off, reload (FILE anew, as after a power cycle that nobody saw).

FAULT is a kind and, where wanted, ins=HH (count only APDUs with this instruction), nth=N (strike at the Nth from now),
times=N (so many in a row), hex=BYTES:
)";

struct Options {
  Settings settings;
  std::string state;
  std::optional<Version> firmware;
  std::optional<std::uint32_t> serial;
  bool fips = false, complexity = false, reset_blocked = false;
  std::vector<Fault> faults;
};

unsigned long whole_number(const std::string& text, unsigned long least, unsigned long most) {
  std::size_t used = 0;
  const auto value = std::stoul(text, &used);
  if (used != text.size() || value < least || value > most) throw std::invalid_argument("out of range: " + text);
  return value;
}

Version known_firmware(const std::string& text) {
  for (const char* known : {"4.3.5", "5.2.7", "5.4.3", "5.7.4"}) {
    if (text == known) return parse_version(text);
  }
  throw std::invalid_argument("firmware is 4.3.5, 5.2.7, 5.4.3 or 5.7.4, not " + text);
}

Finger finger_of(const std::string& text) {
  if (text == "given") return Finger::given;
  if (text == "refused") return Finger::refused;
  if (text == "asked") return Finger::asked;
  throw std::invalid_argument("--touch is given, refused or asked, not " + text);
}

void set_reader(Settings& settings, const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) throw std::invalid_argument("--vpcd takes HOST:PORT, not " + text);
  settings.host = text.substr(0, colon);
  settings.port = text.substr(colon + 1);
}

void take(Options& options, int option, const std::string& value) {
  switch (option) {
    case 'v': return set_reader(options.settings, value);
    case 's': options.state = value; return;
    case 'f': options.firmware = known_firmware(value); return;
    case 'n': options.serial = static_cast<std::uint32_t>(whole_number(value, 1, 2147483647)); return;
    case 'F': options.fips = true; return;
    case 'C': options.complexity = true; return;
    case 'R': options.reset_blocked = true; return;
    case 't': options.settings.finger = finger_of(value); return;
    case 'T': options.settings.touch_timeout = std::chrono::milliseconds(whole_number(value, 0, 3600000)); return;
    case 'x': options.faults.push_back(parse_fault(value)); return;
    case 'c': options.settings.control = value; return;
    default: throw std::invalid_argument("see --help");
  }
}

Options parse(int argc, char** argv) {
  static const option known[] = {{"vpcd", required_argument, nullptr, 'v'},
                                 {"state", required_argument, nullptr, 's'},
                                 {"firmware", required_argument, nullptr, 'f'},
                                 {"serial", required_argument, nullptr, 'n'},
                                 {"fips", no_argument, nullptr, 'F'},
                                 {"complexity", no_argument, nullptr, 'C'},
                                 {"reset-blocked", no_argument, nullptr, 'R'},
                                 {"touch", required_argument, nullptr, 't'},
                                 {"touch-timeout", required_argument, nullptr, 'T'},
                                 {"fault", required_argument, nullptr, 'x'},
                                 {"control", required_argument, nullptr, 'c'},
                                 {"help", no_argument, nullptr, 'h'},
                                 {nullptr, 0, nullptr, 0}};
  Options options;
  for (int option = 0; (option = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    if (option == 'h') {
      std::printf("%s%s", help_text, fault_kinds().c_str());
      std::exit(0);
    }
    take(options, option, ::optarg == nullptr ? "" : ::optarg);
  }
  if (optind < argc) throw std::invalid_argument(std::string("what is ") + argv[optind] + "?");
  if (options.state.empty() || options.settings.host.empty())
    throw std::invalid_argument("--vpcd and --state are needed");
  return options;
}

State make_state(const Options& options) {
  if (!options.serial) throw std::invalid_argument("a new key needs --serial");
  State state{.firmware = options.firmware.value_or(Version{5, 7, 4}),
              .serial = *options.serial,
              .fips = options.fips,
              .complexity = options.complexity,
              .reset_blocked = options.reset_blocked};
  to_factory(state);
  make_attestation_key(state, std::filesystem::absolute(options.state).parent_path());
  return state;
}

void run(const Options& options) {
  const StateFile file(options.state);
  auto state = file.load();
  if (!state) {
    state = make_state(options);
    file.save(*state);
  }
  if (options.firmware.value_or(state->firmware) != state->firmware ||
      options.serial.value_or(state->serial) != state->serial) {
    throw std::invalid_argument(options.state + " is of another key: firmware " + to_string(state->firmware) +
                                ", serial " + std::to_string(state->serial));
  }
  Device device(std::move(*state), file, options.settings);
  for (const Fault& fault : options.faults) device.arm(fault);
  device.run();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
    return 0;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "virtual-yubikey: error: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "virtual-yubikey: error: %s\n", error.what());
    return 1;
  }
}
