// What `ymgr doctor` looks at, as command line, environment and configuration have it.
#pragma once
#include <memory>
#include <string>

#include "cli/config.hpp"
#include "cli/wiring.hpp"
#include "workflow/doctor.hpp"

namespace ymgr::cli {

class Invocation;

/// Configuration and wiring of its own: a configuration that can't be used is a finding, no failure.
class Examined {
 public:
  explicit Examined(Invocation&);
  Examined(const Examined&) = delete;
  const Config& config() const noexcept { return config_; }
  const doctor::Patient& patient() const noexcept { return patient_; }

 private:
  Config read_config(Invocation&);
  void describe();
  void describe_servers();
  std::vector<std::string> channels();
  void add_parts();
  std::unique_ptr<sql::Connection> open_database() const;
  std::string session_text() const;
  std::unique_ptr<doctor::Plugged> open_agent() const;

  doctor::Patient patient_;
  Config config_;
  std::unique_ptr<Wiring> wiring_;
};

}  // namespace ymgr::cli
