// ConnectionExtras: what few connections need, so that the others need not hold it.
#pragma once

#include <optional>

#include "ConnectionDeadlines.h"
#include "FileOutput.h"

namespace tern {

struct ConnectionExtras {
  std::optional<ConnectionDeadlines> deadlines;
  std::optional<FileOutput> files;  // while there are any
};

}  // namespace tern
