// LookUps: what the C library reads from files when it is first needed.
#pragma once

namespace tern::examples {

/// Has all of it looked up now, since it can't be inside the sandbox. Before any other thread is
/// started.
void lookUpAhead();

}  // namespace tern::examples
