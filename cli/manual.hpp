// Manual pages, made from the command table: roff for man(1), Markdown for a web site.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.hpp"

namespace ymgr::cli {

/// What a page says, before it is roff or Markdown. In texts, `words` are bold.
struct ManualPage {
  std::string name;  // "ymgr-cert-list"
  int section = 1;
  std::string summary;
  std::string synopsis;  // empty: none
  struct Entry {
    std::string term, text;
  };
  struct Section {
    std::string title;
    std::string text;  // paragraphs, before the entries
    std::vector<Entry> entries;
    std::string code = {};  // as it stands, after all
  };
  std::vector<Section> sections;
};

ManualPage command_page(const Command&);
/// ymgr(1): all commands, global options, exit status, environment, files.
ManualPage program_page();
/// ymgr.yaml(5).
ManualPage config_page();

std::string to_roff(const ManualPage&, std::string_view version);
std::string to_markdown(const ManualPage&);

}  // namespace ymgr::cli
