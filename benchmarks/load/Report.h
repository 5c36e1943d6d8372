// A result as one line for people and as JSON for programs.
#pragma once

#include <string>

#include "Result.h"

namespace tern::load {

std::string humanLine(const Result& result);  // without a newline
std::string json(const Result& result);       // an indented object, without a final newline

}  // namespace tern::load
