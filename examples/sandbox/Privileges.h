// Privileges: from root to an ordinary user, with no way back.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace tern::examples {

struct Account {
  std::string name;
  uid_t user = 0;
  gid_t group = 0;
};

/// Whom a process that was started as root becomes: `user`, or "nobody" when that is empty. Nothing
/// for a process that is not root. Reads the system's user database, so it comes before the
/// sandbox. Throws std::invalid_argument when there is no such user, it is root again, or another
/// user is asked for than the one that the process has and can't leave.
std::optional<Account> accountToBecome(const std::string& user);

/// On all threads: no supplementary groups, the account's group, the account's user, in this order,
/// since the user may not change groups. Then tries to become root again, and throws
/// std::runtime_error if that succeeds. Throws std::system_error when a step fails: the process
/// must not go on.
void become(const Account& account);

}  // namespace tern::examples
