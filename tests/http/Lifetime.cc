// Lifetime: replies that never come, come too late, or come when all is gone.
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "HttpFixture.h"
#include "support/LogCapture.h"

namespace tern::testing {
namespace {

using namespace std::chrono_literals;

class HttpLifetime : public HttpFixture {
 protected:
  void stopGently() {
    runOnLoop([&] { server().stop(1h, [&] { stopped_.put(true); }); });
  }

  Mailbox<bool> stopped_;
};

TEST_P(HttpLifetime, AClientThatHalfClosesGetsItsReplies) {
  serveHttp(keepResponders());
  HttpPeer peer(address());
  peer.sendAll(getRequest("/1") + getRequest("/2"));
  peer.shutdownWrite();
  const auto first = responders.take();
  const auto second = responders.take();
  letLoopTurn();
  second->send(http::Response(200, "two"));
  first->send(http::Response(200, "one"));
  EXPECT_EQ(peer.receive().body, "one");
  EXPECT_EQ(peer.receive().body, "two");
  EXPECT_EQ(peer.rest(), "");
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(HttpLifetime, AClientThatHalfClosesAtOnceGetsItsReply) {
  serveMirror();
  HttpPeer peer(address());
  peer.sendAll(getRequest());
  peer.shutdownWrite();
  EXPECT_EQ(peer.receive().status, 200);
  EXPECT_EQ(peer.rest(), "");
  EXPECT_EQ(closed().reason, std::error_code());
}

TEST_P(HttpLifetime, AClientThatHalfClosesWithinARequestIsClosed) {
  serveMirror();
  for (const char* part : {"", "GET", "GET / HTTP/1.1\r\n",
                           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc"}) {
    HttpPeer peer(address());
    peer.sendAll(part);
    peer.shutdownWrite();
    EXPECT_EQ(peer.rest(), "");
  }
  EXPECT_EQ(requests.total(), 0U);
}

TEST_P(HttpLifetime, ADroppedResponderReplies500) {
  serveHttp([](const http::Request&, http::Responder) {});
  HttpPeer peer(address());
  peer.sendAll(getRequest() + getRequest());
  EXPECT_EQ(peer.receive().status, 500);
  EXPECT_EQ(peer.receive().status, 500);
}

TEST_P(HttpLifetime, AResponderDroppedOnAThreadReplies500) {
  serveHttp(keepResponders());
  HttpPeer peer(address());
  peer.get();
  responders.take().reset();
  EXPECT_EQ(peer.receive().status, 500);
}

TEST_P(HttpLifetime, AResponderOverwrittenReplies500) {
  serveHttp(keepResponders());
  HttpPeer peer(address());
  peer.sendAll(getRequest() + getRequest());
  const auto one = responders.take();
  const auto two = responders.take();
  *one = std::move(*two);
  EXPECT_THROW(two->send(http::Response(200)), std::logic_error);
  one->send(http::Response(200, "two"));
  EXPECT_EQ(peer.receive().status, 500);
  EXPECT_EQ(peer.receive().body, "two");
}

TEST_P(HttpLifetime, AResponderDroppedWithinABodyClosesTheConnection) {
  serveHttp([](const http::Request&, http::Responder responder) {
    responder.start(http::Response(200));
    responder.write("part");
  });
  HttpPeer peer(address());
  peer.get();
  EXPECT_EQ(peer.receiveUntilEnd().bytes.find("0\r\n\r\n"), std::string::npos);
  closed();
}

TEST_P(HttpLifetime, AHandlerThatThrowsReplies500AndIsLogged) {
  const LogCapture log;
  serveHttp([](const http::Request& request, http::Responder responder) {
    if (request.path() == "/odd") throw 42;  // NOLINT(hicpp-exception-baseclass)
    if (request.path() == "/late") {
      responder.send(http::Response(200, "sent"));
    }
    throw std::runtime_error("the handler's trouble");
  });
  HttpPeer peer(address());
  peer.sendAll(getRequest("/") + getRequest("/odd") + getRequest("/late") + getRequest("/"));
  EXPECT_EQ(peer.receive().status, 500);
  EXPECT_EQ(peer.receive().status, 500);
  EXPECT_EQ(peer.receive().body, "sent");
  EXPECT_EQ(peer.receive().status, 500);
  EXPECT_EQ(log.count("the handler's trouble"), 3U);
  EXPECT_EQ(log.count("threw"), 4U);
}

TEST_P(HttpLifetime, AHandlerThatThrowsAfterKeepingItsResponderReplies500Once) {
  const LogCapture log;
  serveHttp([this](const http::Request&, http::Responder responder) {
    responders.put(std::make_shared<http::Responder>(std::move(responder)));
    throw std::runtime_error("too late");
  });
  HttpPeer peer(address());
  peer.get();
  EXPECT_EQ(peer.receive().status, 500);
  responders.take()->send(http::Response(200, "second"));
  peer.get();
  EXPECT_EQ(peer.receive().status, 500);
}

TEST_P(HttpLifetime, AWriterThatThrowsClosesTheConnection) {
  const LogCapture log;
  serveHttp([](const http::Request&, http::Responder responder) {
    auto kept = std::make_shared<http::Responder>(std::move(responder));
    kept->start(http::Response(200));
    kept->onReady([kept] { throw std::runtime_error("nothing to write"); });
  });
  HttpPeer peer(address());
  peer.get();
  peer.receiveUntilEnd();
  closed();
  EXPECT_EQ(log.count("nothing to write"), 1U);
}

TEST_P(HttpLifetime, RepliesAfterTheConnectionHasGoneGoNowhere) {
  serveHttp(keepResponders());
  std::vector<std::shared_ptr<http::Responder>> kept;
  for (int i = 0; i < 4; ++i) {
    HttpPeer peer(address());
    const TcpConnectionPtr connection = accepted();
    peer.get();
    kept.push_back(responders.take());
    EXPECT_TRUE(kept.back()->connected());
    if (i % 2 == 0) {
      peer.reset();
    } else {
      connection->forceClose();
    }
    closed();
  }
  kept[0]->send(http::Response(200, "late"));
  kept[1]->start(http::Response(200));
  kept[1]->write("late");
  kept[1]->onReady([] {});
  kept[1]->finish();
  runOnLoop([&] { kept[2]->send(http::Response(200, "late")); });
  EXPECT_FALSE(kept[3]->connected());
  kept[3].reset();
  HttpPeer peer(address());
  peer.get();
  responders.take()->send(http::Response(200, "served"));
  EXPECT_EQ(peer.receive().body, "served");
}

TEST_P(HttpLifetime, RepliesAfterServerAndLoopHaveGoneGoNowhere) {
  serveHttp(keepResponders());
  std::vector<std::unique_ptr<HttpPeer>> peers;
  std::vector<std::shared_ptr<http::Responder>> kept;
  for (int i = 0; i < 3; ++i) {
    peers.push_back(std::make_unique<HttpPeer>(address()));
    peers.back()->get();
    kept.push_back(responders.take());
  }
  stop();
  kept[0]->send(http::Response(200, "late"));
  kept[1]->start(http::Response(200), 4);
  kept[1]->write("late");
  kept[1]->finish();
  kept.clear();
}

TEST_P(HttpLifetime, RepliesFromThreadsRaceWithConnectionsThatGo) {
  serveHttp(keepResponders(), {}, 2);
  std::atomic<bool> done{false};
  std::thread replier([&] {
    while (!done || responders.size() > 0) {
      if (responders.size() == 0) {
        std::this_thread::yield();
        continue;
      }
      const auto responder = responders.take();
      responder->start(http::Response(200));
      responder->write("piece");
      responder->finish();
    }
  });
  for (int i = 0; i < 100; ++i) {
    HttpPeer peer(address());
    peer.sendAll(getRequest() + getRequest());
    if (i % 3 == 0) {
      EXPECT_EQ(peer.receive().body, "piece");
    } else if (i % 3 == 1) {
      peer.reset();
    }
  }
  done = true;
  replier.join();
}

TEST_P(HttpLifetime, AStreamEndsWithItsConnection) {
  std::atomic<bool> destroyed{false};
  struct Flag {
    std::atomic<bool>& flag;
    explicit Flag(std::atomic<bool>& at) : flag(at) {}
    Flag(const Flag&) = delete;
    Flag& operator=(const Flag&) = delete;
    ~Flag() { flag = true; }
  };
  serveHttp([&](const http::Request&, http::Responder responder) {
    auto kept = std::make_shared<http::Responder>(std::move(responder));
    kept->start(http::Response(200));
    kept->onReady([kept, flag = std::make_shared<Flag>(destroyed)] {
      kept->write(std::string(50'000, 'x'));
    });
  });
  HttpPeer peer(address());
  peer.get();
  EXPECT_EQ(peer.receive(true).status, 200);
  peer.reset();
  closed();
  EXPECT_TRUE(eventually([&] { return destroyed.load(); }));
}

TEST_P(HttpLifetime, AHandlerMayEndItsConnection) {
  serveHttp([this](const http::Request& request, http::Responder responder) {
    if (request.path() == "/end") accepted()->forceClose();
    responder.send(http::Response(200));
  });
  HttpPeer peer(address());
  peer.sendAll(getRequest("/end") + getRequest());
  peer.receiveUntilEnd();
  closed();
}

TEST_P(HttpLifetime, AHandlerMayEndTheServer) {
  serveHttp([this](const http::Request&, http::Responder responder) {
    stopServer();
    responder.send(http::Response(200));
  });
  HttpPeer peer(address());
  peer.sendAll(getRequest() + getRequest());
  peer.receiveUntilEnd();
  closed();
}

TEST_P(HttpLifetime, AServerThatStopsAnswersWhatWasAskedAndNothingMore) {
  serveHttp(keepResponders());
  HttpPeer idle(address());
  HttpPeer busy(address());
  busy.sendAll(getRequest() + getRequest());
  const auto first = responders.take();
  const auto last = responders.take();
  stopGently();
  EXPECT_EQ(idle.rest(), "");
  busy.get();
  letLoopTurn();
  EXPECT_EQ(responders.total(), 2U);
  last->send(http::Response(200, "last"));
  first->send(http::Response(200, "first"));
  const Reply one = busy.receive();
  EXPECT_EQ(one.body, "first");
  EXPECT_FALSE(one.hasLine("Connection: close"));
  const Reply two = busy.receive();
  EXPECT_EQ(two.body, "last");
  EXPECT_TRUE(two.hasLine("Connection: close"));
  EXPECT_EQ(busy.rest(), "");
  EXPECT_EQ(stopped_.size(), 0U);
  idle.close();
  busy.close();
  EXPECT_TRUE(stopped_.take());
}

TEST_P(HttpLifetime, ARequestThatHasBegunToComeIsTheLastOfAServerThatStops) {
  serveMirror();
  const std::string head = "POST /whole HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
  for (const std::size_t sentBefore : {std::size_t{1}, head.size() - 1, head.size() + 2}) {
    HttpPeer peer(address());
    const std::string request = head + "body";
    peer.sendAll(request.substr(0, sentBefore));
    const TcpConnectionPtr connection = accepted();
    letLoopTurn();
    runOnLoop([&] { connection->drain(); });
    peer.sendAll(request.substr(sentBefore) + getRequest("/more"));
    const Reply reply = peer.receive();
    EXPECT_EQ(reply.status, 200);
    EXPECT_TRUE(reply.hasLine("Connection: close"));
    EXPECT_EQ(peer.rest(), "");
    EXPECT_EQ(requests.take(), "POST /whole body");
  }
  EXPECT_EQ(requests.size(), 0U);
}

TEST_P(HttpLifetime, AReplyThatHasBegunIsCompletedByAServerThatStops) {
  serveHttp(keepResponders());
  HttpPeer peer(address());
  peer.get();
  const auto responder = responders.take();
  responder->start(http::Response(200));
  responder->write("be");
  stopGently();
  letLoopTurn();
  responder->write("gun");
  responder->finish();
  EXPECT_EQ(peer.receive().body, "begun");
  EXPECT_EQ(peer.rest(), "");
  peer.close();
  EXPECT_TRUE(stopped_.take());
}

TEST_P(HttpLifetime, AServerThatStopsHandlesOneOfTheRequestsThatWaitForRoom) {
  http::Limits limits;
  limits.pipelined = 1;
  serveHttp(keepResponders(), limits);
  HttpPeer peer(address());
  peer.sendAll(getRequest() + getRequest() + getRequest());
  const auto first = responders.take();
  stopGently();
  letLoopTurn();
  first->send(http::Response(200, "first"));
  responders.take()->send(http::Response(200, "second"));
  EXPECT_FALSE(peer.receive().hasLine("Connection: close"));
  EXPECT_TRUE(peer.receive().hasLine("Connection: close"));
  EXPECT_EQ(peer.rest(), "");
  EXPECT_EQ(responders.total(), 2U);
  peer.close();
  EXPECT_TRUE(stopped_.take());
}

TERN_ON_EACH_POLLER(HttpLifetime);

}  // namespace
}  // namespace tern::testing
