// Precompiled: what nearly every test includes, compiled once. See CMakeLists.txt; not to be
// included.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tern/net/EventLoop.h>
#include <tern/net/TcpConnection.h>
#include <tern/net/TcpServer.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "support/EachPoller.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"
