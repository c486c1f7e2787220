// Operations: the journal's rows, who holds them, how they end.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "workflow/engine.hpp"
#include "workflow/workbench.hpp"

namespace ymgr {

struct StoredItem {
  std::size_t position = 0;
  std::string target, state, status;
  Json data, error;
  bool damaged = false;  // data can't be read, and are null: somebody wrote them past ymgr
};
/// Position, target, state and status as the journal has them; what comes next is another attempt.
void restore(Item&, const StoredItem&);

struct StoredOperation {
  std::string request_id, kind, target, state;
  Json inputs;
  std::string actor;
  std::int64_t item_count = 0;
  std::string lease_holder;
  Time lease_until, created_at, updated_at;
  Json result;
  bool damaged = false;  // inputs or result can't be read, and are null: somebody wrote them past ymgr
};

struct NewItem {
  std::string target;
  Json data;
};
struct NewOperation {
  std::string request_id;  // given by the caller, or fresh
  std::string kind, target;
  Json inputs;  // what must be equal for a second run to be the same; holds no secret
  std::vector<NewItem> items;
  std::vector<audit::Event> events;  // intent and policy; request_id is filled in
};

/// What a row of the journal holds; null where that can't be read: whoever wrote it past ymgr must not stop others.
Json journaled(std::string_view text);
/// A member of that which is text; "": there is none.
std::string text_in(const Json& journaled, std::string_view member);

/// Why an item stopped, as the journal, the audit trail and the answers show it: code, error, suggestion, retryable.
Json failure_json(const Error&);
/// What an answer says of an item that failed: who it is, success false, and why.
Json failed_item(Json who, const Error&);
/// The same with its details, so that failure_from gives the Error again: the result of a refused operation.
Json stored_failure(const Error&);
/// From failure_json or stored_failure; a code that this program does not know becomes internal.
Error failure_from(const Json&);

namespace operations {

inline constexpr Duration lease_time = std::chrono::seconds(60);
inline constexpr Duration longest_lease = std::chrono::minutes(15);  // an RSA key on a YubiKey, and fingers
/// A live process other than this one holds it: the lease runs, is none that nobody gives, and its holder is not known to be dead.
bool is_held(const StoredOperation&, const LeaseHolder& self);
/// In a team, where servers know whose rights are used: somebody else's operation may ask for what its actor may not do.
/// @throws Error role-denied
void require_same_rights(Workbench&, const StoredOperation&);
/// In a team: it is a user's, who may ask for any name and hold it by a lease for good, and this session's role is another. It need not
/// wait for the lease to give that up.
bool outranks(Workbench&, const StoredOperation&);
/// Open operations of that kind that this session may go on with, the newest first: however many those are that users entered.
std::vector<StoredOperation> unfinished(Workbench&, std::string_view kind);

/// `id`: req-… or resume-…. @throws Error operation-not-found
StoredOperation get(sql::Connection&, std::string_view id);
std::optional<StoredOperation> find(sql::Connection&, std::string_view id);
/// The open operation that has an open item of this identity.
std::optional<StoredOperation> find_open(sql::Connection&, std::string_view kind, std::string_view target);
/// The same of many: that of the first that has one.
std::optional<StoredOperation> find_open(sql::Connection&, std::string_view kind,
                                         const std::vector<std::string>& targets);
/// Of that kind and target, open although none of its items is: a run was stopped before it could end it.
std::optional<StoredOperation> find_unended(sql::Connection&, std::string_view kind, std::string_view target,
                                            const std::function<bool(const StoredOperation&)>& fits = {});
std::vector<StoredItem> items(sql::Connection&, std::string_view request_id);
/// Newest first. `open_only`: open and waiting; `actor`: only what that user began.
std::vector<StoredOperation> list(sql::Connection&, bool open_only, std::int64_t limit, std::string_view actor = {});
/// The same, as far as the session's rights reach.
std::vector<StoredOperation> list(sql::Connection&, const Session&, bool open_only, std::int64_t limit);
Json to_json(const StoredOperation&);

/// Writes operation, items and events and takes the lease, in the caller's transaction. `none_open`: find_earlier has just said so there.
/// @throws Error operation-open: an open item has the same identity
enum class NoneOpen { unknown, known };
void create(Workbench&, const NewOperation&, NoneOpen none_open = NoneOpen::unknown);
/// An operation that ends before it begins: refused by policy. In the caller's transaction.
void create_refused(Workbench&, const NewOperation&, const Error&);
/// A user's rights end at the operations that the user began. @throws Error role-denied
void require_touch(const Session&, const StoredOperation&);
/// @throws Error json-invalid: it, or an item of it, is damaged
void require_readable(sql::Connection&, const StoredOperation&);
/// Takes the lease of an open or waiting operation; joins the caller's transaction.
/// @throws Error operation-running: a live process holds it · operation-ended · role-denied: a user, and another's · json-invalid:
/// it is damaged
void take_over(Workbench&, std::string_view request_id);
/// The same by whoever approves it, whose rights are meant to be others than the requester's.
void take_over_to_approve(Workbench&, std::string_view request_id);
/// Ends an open operation as refused with that reason, its open items too, and keys that wait on this host are destroyed.
/// @throws Error operation-running, operation-ended
void deny(Workbench&, std::string_view request_id, const Error& reason, std::string_view note);
struct Earlier {
  std::string request_id;
  bool ended = false;
};
/// A run of the same identity came before: decides whether `wanted` is that operation again, also one that lacks but its end.
/// @return that operation, taken over unless it has ended; nullopt when nothing stands in the way
/// @throws Error operation-open: other inputs · operation-running · request-id-used · role-denied
std::optional<Earlier> find_earlier(Workbench&, const NewOperation& wanted);

/// @throws Error operation-open: an operation of other inputs has an open item of this identity
void require_no_other(sql::Connection&, std::string_view kind, std::string_view target, const Json& inputs);

/// The lease of an operation that this process holds lasts for `more` from now on; joins the caller's transaction.
/// @throws Error operation-running: somebody else took the operation over
void keep_lease(Workbench&, const std::string& request_id, Duration more = lease_time);

/// Notes why an item can't go on: a reason that may pass leaves it open, any other ends it as failed. With an audit event.
void note_error(Workbench&, const std::string& request_id, std::size_t position, const std::string& target,
                const Error&);
/// Ends the operation as its items stand: done when all are, failed when none is open any more, else open or waiting and the
/// lease is given back. With the result that will be shown and the audit event KIND.STATE.
/// @return the state; when another process holds it by now, nothing is written and it is what stands there
std::string end(Workbench&, const std::string& request_id, const std::string& kind, const std::string& target,
                const Json& result);
/// Gives it up: open items become abandoned, and keys that wait on this host are destroyed. @throws Error operation-running, operation-ended
void abandon(Workbench&, std::string_view id, std::string_view note);

}  // namespace operations
}  // namespace ymgr
