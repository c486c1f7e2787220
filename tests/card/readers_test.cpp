#include "agentd/piv/readers.hpp"

#include "agentd/piv/side_call.hpp"
#include "card/key.hpp"

using namespace ymgr;
using namespace ymgr::piv;

namespace {

using List = std::vector<std::string>;

List names(const Plugged& plugged) {
  List list;
  for (const auto& reader : plugged.readers) list.push_back(reader.name);
  return list;
}

/// What is told until the list is `wanted`: events come one by one.
Plugged wait_for(ReaderWatch& watch, const List& wanted) {
  Plugged told = watch.wait();
  for (int i = 0; i < 20 && names(told) != wanted;) told = watch.wait(), ++i;
  CHECK(names(told) == wanted);
  return told;
}

}  // namespace

TEST_CASE("plugging in and out is noticed, and so is the end") {
  ReaderWatch watch;
  Plugged told = watch.wait();
  CHECK(told.pcscd);
  REQUIRE(names(told) == List{reader()});
  const auto first = told.readers.front();
  {
    SideCall nothing_new([&] { told = watch.wait(); });
    open_card().info();                                                    // is no news
    CHECK_FALSE(nothing_new.done_within(std::chrono::milliseconds(200)));  // asleep
    control("unplug");
  }
  if (!told.readers.empty()) wait_for(watch, {});
  control("plug");
  told = wait_for(watch, {reader()});
  CHECK_FALSE(told.readers == std::vector{first});  // it is another time
  {
    SideCall last([&] { told = watch.wait(); });
    watch.stop();
  }
  CHECK(watch.stopped());
  CHECK(told.readers.empty());
  CHECK(watch.wait().readers.empty());
}

TEST_CASE("of two keys both are told") {
  ReaderWatch watch;
  CHECK(watch.wait().readers.size() == 2);
}
