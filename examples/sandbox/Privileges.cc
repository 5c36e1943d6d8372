// Privileges: setgroups, setresgid, setresuid, and the attempt to go back.
#include "Privileges.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace tern::examples {
namespace {

constexpr const char* kDefaultUser = "nobody";

Account find(const std::string& name) {
  errno = 0;
  const passwd* entry = ::getpwnam(name.c_str());
  if (entry == nullptr) {
    throw std::invalid_argument("--user: this machine has no user '" + name + "'");
  }
  return {name, entry->pw_uid, entry->pw_gid};
}

void require(int result, const std::string& what, const Account& account) {
  if (result == 0) return;
  throw std::system_error(errno, std::generic_category(),
                          what + "() on the way from root to " + account.name);
}

// Of the three ids each could be the way back, and so could a capability that was kept.
bool isFor(const Account& account) {
  uid_t user = 0;
  uid_t effectiveUser = 0;
  uid_t savedUser = 0;
  gid_t group = 0;
  gid_t effectiveGroup = 0;
  gid_t savedGroup = 0;
  return ::getresuid(&user, &effectiveUser, &savedUser) == 0 &&
         ::getresgid(&group, &effectiveGroup, &savedGroup) == 0 && user == account.user &&
         effectiveUser == account.user && savedUser == account.user && group == account.group &&
         effectiveGroup == account.group && savedGroup == account.group &&
         ::getgroups(0, nullptr) == 0;
}

bool canGoBack() {
  return ::setuid(0) == 0 || ::seteuid(0) == 0 || ::setgid(0) == 0 || ::setgroups(0, nullptr) == 0;
}

}  // namespace

std::optional<Account> accountToBecome(const std::string& user) {
  if (::geteuid() == 0) {
    Account account = find(user.empty() ? kDefaultUser : user);
    if (account.user != 0) return account;
    throw std::invalid_argument("--user: '" + account.name + "' is root, which is to be given up");
  }
  if (!user.empty() && find(user).user != ::geteuid()) {
    throw std::invalid_argument("--user: only root can become '" + user + "'");
  }
  return std::nullopt;
}

// glibc makes each of these calls on every thread of the process.
void become(const Account& account) {
  require(::setgroups(0, nullptr), "setgroups", account);
  require(::setresgid(account.group, account.group, account.group), "setresgid", account);
  require(::setresuid(account.user, account.user, account.user), "setresuid", account);
  if (!isFor(account) || canGoBack()) {
    throw std::runtime_error("the privileges of root were given up, and are still there");
  }
}

}  // namespace tern::examples
