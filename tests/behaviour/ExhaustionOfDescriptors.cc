// ExhaustionOfDescriptors: a client without descriptors; servers without are in ServerShortage.
#include <gtest/gtest.h>
#include <tern/net/TcpConnection.h>

#include <chrono>
#include <system_error>

#include "support/ClientFixture.h"
#include "support/EachPoller.h"
#include "support/FewDescriptors.h"
#include "support/Peers.h"
#include "support/ServerFixture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class ExhaustionOfDescriptors : public ClientFixture {};

TEST_P(ExhaustionOfDescriptors, IsReportedToAClientThatConnectsOnceOneIsFree) {
  listener.listen();
  makeClient([](TcpClient& client) { client.setRetry({1ms, 1ms}); });
  {
    const FewDescriptors none(0);
    client().connect();
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(failures.take().error, std::errc::too_many_files_open);
    }
  }
  Peer server = listener.accept();
  ups.take()->send("at last");
  EXPECT_EQ(server.receiveExactly(7), "at last");
}

TEST_P(ExhaustionOfDescriptors, LeavesAConnectionThatIsUpServed) {
  listener.listen();
  makeClient().connect();
  Peer server = listener.accept();
  const TcpConnectionPtr connection = ups.take();
  const FewDescriptors none(0);
  for (int i = 0; i < 10; ++i) {
    connection->send("question");
    EXPECT_EQ(server.receiveExactly(8), "question");
    server.sendAll("answer");
    EXPECT_EQ(takeBytes(received, 6), "answer");
  }
}

TERN_ON_EACH_POLLER(ExhaustionOfDescriptors);

}  // namespace
}  // namespace tern::testing
