// BulkRoom: its block.
#include "tern/poller/BulkRoom.h"

#include <new>

namespace tern {

std::span<char> BulkRoom::block() noexcept {
  // Not value-initialised: pages that are never received into cost no memory.
  if (block_ == nullptr) block_.reset(new (std::nothrow) char[kAlone]);
  if (block_ == nullptr) return {};
  return {block_.get(), kAlone};
}

}  // namespace tern
