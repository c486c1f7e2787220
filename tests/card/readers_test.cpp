#include "agentd/piv/readers.hpp"

#include "agentd/piv/side_call.hpp"
#include "card/key.hpp"

using namespace ymgr;
using namespace ymgr::piv;

namespace {

using List = std::vector<std::string>;

/// What is told until the list is `wanted`: events come one by one.
List wait_for(ReaderWatch& watch, const List& wanted) {
  List list;
  for (int i = 0; i < 20 && (list = watch.wait()) != wanted;) ++i;
  return list;
}

}  // namespace

TEST_CASE("keys that are plugged in are listed") {
  CHECK(list_readers() == List{reader()});
  control("unplug");
  ReaderWatch watch;
  CHECK(wait_for(watch, {}) == List{});
  CHECK(list_readers() == List{});
}

TEST_CASE("plugging in and out is noticed, and so is the end") {
  ReaderWatch watch;
  CHECK(watch.wait() == List{reader()});
  List list{reader()};
  {
    SideCall nothing_new([&] { list = watch.wait(); });
    CHECK_FALSE(nothing_new.done_within(std::chrono::milliseconds(200)));  // asleep
    control("unplug");
  }
  CHECK((list.empty() || wait_for(watch, {}).empty()));
  control("plug");
  CHECK(wait_for(watch, {reader()}) == List{reader()});
  {
    SideCall last([&] { CHECK(watch.wait().empty()); });
    watch.stop();
  }
  CHECK(watch.stopped());
  CHECK(watch.wait().empty());
}

TEST_CASE("the only key is found, by its serial number and without") {
  CHECK(find_reader("") == reader());
  CHECK(find_reader("1001") == reader());
  CHECK_CODE(find_reader("1002"), Code::device_not_found);
  {
    const Card other = open_card();
    OpenOptions hasty;
    hasty.busy_wait = std::chrono::milliseconds(100);
    CHECK_CODE(find_reader("1002", hasty), Code::device_busy);  // it may be that one
  }
  control("unplug");
  ReaderWatch watch;
  wait_for(watch, {});
  CHECK_CODE(find_reader(""), Code::device_not_found);
}

TEST_CASE("of two keys one must be named") {
  CHECK(list_readers().size() == 2);
  const auto error = thrown([] { find_reader(""); });
  REQUIRE(error);
  CHECK(error->code() == Code::device_ambiguous);
  CHECK(*error->detail("serials") == "1001,1002");
  CHECK(find_reader("1001") == reader());
  CHECK(find_reader("1002") != reader());
  CHECK_CODE(find_reader("1003"), Code::device_not_found);
}
