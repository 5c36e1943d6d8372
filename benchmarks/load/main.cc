// tern-load: a load client for echo servers. See README.md beside this file.
#include <iostream>

#include "Tool.h"

int main(int argc, char** argv) { return tern::load::runTool(argc, argv, std::cout, std::cerr); }
