// Commands: the table of all commands, and the checks before one runs.
#include "Commands.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <vector>

#include "CommandTable.h"
#include "Integer.h"

namespace tern::kv {
namespace {

constexpr std::size_t kMostName = 8;
// How much of a wrong command Redis repeats.
constexpr std::size_t kRepeated = 128;
// How much is swept to make room for a command that would be refused.
constexpr std::size_t kSweptForRoom = 100;

constexpr char toLower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// A name as a number, lower case; names of different lengths differ, unless they hold a NUL.
std::uint64_t packed(std::string_view name) noexcept {
  std::uint64_t result = 0;
  for (const char c : name) result = (result << 8U) | static_cast<unsigned char>(toLower(c));
  return result;
}

class Table {
 public:
  Table() {
    for (const auto commands : {stringCommands(), keyCommands(), serverCommands()}) {
      for (const Command& command : commands) slots_.push_back({packed(command.name), &command});
    }
    std::sort(slots_.begin(), slots_.end(), before);
  }

  [[nodiscard]] const Command* find(std::string_view name) const noexcept {
    if (name.size() > kMostName) return nullptr;
    const Slot wanted{packed(name), nullptr};
    const auto found = std::lower_bound(slots_.begin(), slots_.end(), wanted, before);
    if (found == slots_.end() || found->name != wanted.name) return nullptr;
    return found->command->name.size() == name.size() ? found->command : nullptr;
  }
  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }

 private:
  struct Slot {
    std::uint64_t name;
    const Command* command;
  };
  static bool before(const Slot& a, const Slot& b) noexcept { return a.name < b.name; }

  std::vector<Slot> slots_;
};

const Table& table() {
  static const Table table;
  return table;
}

void replyUnknown(const Call& call) {
  std::string repeated;
  for (std::size_t i = 1; i < call.arguments.size() && repeated.size() < kRepeated; ++i) {
    repeated += '\'';
    repeated += printable(call.arguments[i], kRepeated - repeated.size() + 1);
    repeated += "' ";
  }
  call.reply.error("ERR unknown command '" + std::string(printable(call.arguments[0], kRepeated)) +
                   "', with args beginning with: " + repeated);
}

bool takes(const Command& command, std::size_t count) noexcept {
  const auto arity = static_cast<std::size_t>(command.arity < 0 ? -command.arity : command.arity);
  return command.arity < 0 ? count >= arity : count == arity;
}

bool isFull(const Call& call) {
  if (!call.store.full()) return false;
  call.store.sweep(call.now, kSweptForRoom);
  return call.store.full();
}

}  // namespace

void execute(Call& call) {
  const Command* const command = findCommand(call.arguments[0]);
  if (command == nullptr) {
    replyUnknown(call);
  } else if (!takes(*command, call.arguments.size())) {
    replyWrongArity(call.reply, command->name);
  } else if (command->grows && isFull(call)) {
    call.reply.error("OOM command not allowed when used memory > 'maxmemory'.");
  } else {
    command->run(call);
  }
}

const Command* findCommand(std::string_view name) noexcept { return table().find(name); }

std::size_t commandCount() noexcept { return table().size(); }

bool equalsIgnoringCase(std::string_view a, std::string_view lowerCase) noexcept {
  return std::equal(a.begin(), a.end(), lowerCase.begin(), lowerCase.end(),
                    [](char x, char y) { return toLower(x) == y; });
}

std::string lowerCase(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), toLower);
  return result;
}

std::string_view printable(std::string_view text, std::size_t most) noexcept {
  return text.substr(0, std::min(text.find('\0'), most));
}

void replySyntaxError(Reply& reply) { reply.error("ERR syntax error"); }

void replyWrongArity(Reply& reply, std::string_view command) {
  reply.error("ERR wrong number of arguments for '" + std::string(command) + "' command");
}

void replyInvalidExpiry(Call& call) {
  call.reply.error("ERR invalid expire time in '" + lowerCase(call.arguments[0]) + "' command");
}

std::optional<std::int64_t> integerArgument(Call& call, std::size_t index) {
  const auto value = parseInteger(call.arguments[index]);
  if (!value) call.reply.error("ERR value is not an integer or out of range");
  return value;
}

std::int64_t unixTime() noexcept {
  using std::chrono::milliseconds;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<milliseconds>(now).count();
}

}  // namespace tern::kv
