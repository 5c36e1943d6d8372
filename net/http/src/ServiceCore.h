// ServiceCore: what a service's servers and connections share.
#pragma once

#include <atomic>
#include <cstddef>

#include "tern/http/Limits.h"
#include "tern/http/Service.h"

namespace tern::http {

/// Settings are fixed once a server starts.
struct ServiceCore {
  Handler handler;
  Admission admission;
  Limits limits;
  std::atomic<std::size_t> connections{0};
};

}  // namespace tern::http
