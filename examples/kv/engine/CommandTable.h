// CommandTable: the commands by their names, and what their functions share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "Commands.h"

namespace tern::kv {

struct Command {
  std::string_view name;  ///< lower case, at most eight characters
  /// How many arguments it takes, with its name; negative: at least that many, turned positive.
  int arity;
  bool grows;  ///< may need more memory, and so is refused when the store is full
  void (*run)(Call&);
};

/// All, grouped by the files that they are in.
std::span<const Command> stringCommands();
std::span<const Command> keyCommands();
std::span<const Command> serverCommands();

/// The command of that name, in upper or lower case; nullptr if there is none.
const Command* findCommand(std::string_view name) noexcept;
std::size_t commandCount() noexcept;

[[nodiscard]] bool equalsIgnoringCase(std::string_view a, std::string_view lowerCase) noexcept;
[[nodiscard]] std::string lowerCase(std::string_view text);
/// As C prints it: up to the first NUL, and at most that much.
[[nodiscard]] std::string_view printable(std::string_view text, std::size_t most) noexcept;

/// The errors that several commands have.
void replySyntaxError(Reply& reply);
void replyWrongArity(Reply& reply, std::string_view command);
void replyInvalidExpiry(Call& call);

/// The argument as a number; nothing after an error reply.
std::optional<std::int64_t> integerArgument(Call& call, std::size_t index);

enum class TimeUnit : std::uint8_t { kSeconds, kMilliseconds };
/// Milliseconds since 1970.
[[nodiscard]] std::int64_t unixTime() noexcept;

}  // namespace tern::kv
