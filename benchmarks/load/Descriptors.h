// Makes room for as many descriptors as the connections need, or says clearly that there is none.
#pragma once

#include <cstdint>

namespace tern::load {

// Raises the soft limit when it is too low for `connections` more descriptors. Throws
// std::runtime_error, with one sentence, when the hard limit is too low as well.
void reserveDescriptors(std::uint32_t connections);

}  // namespace tern::load
