// Attempts: what a server that was taken over would try.
#pragma once

#include <string>
#include <string_view>

namespace tern::examples {

/// Tries it, undoes it, and tells what came of it: "open: Operation not permitted", or
/// "open: done". Any other word is answered with those that there are.
std::string attempt(std::string_view what);

}  // namespace tern::examples
