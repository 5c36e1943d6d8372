// OutputQueue: random sequences of every method on two queues, compared with two strings and with
// where the bytes lay before.
#include <gtest/gtest.h>
#include <tern/base/OutputQueue.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "Gathered.h"
#include "Randomness.h"

namespace tern {
namespace {

using testing::entriesOf;

// Where in memory the byte at an offset lies; all of a queue's bytes follow from its entries.
const char* addressAt(const std::vector<std::string_view>& entries, std::size_t offset) {
  for (const std::string_view entry : entries) {
    if (offset < entry.size()) return entry.data() + offset;
    offset -= entry.size();
  }
  return nullptr;
}

struct Side {
  OutputQueue queue;
  std::string expected;
};

class Model {
 public:
  void run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      const Operation& operation = operations()[random_.upTo(operations().size() - 1)];
      SCOPED_TRACE(std::string(operation.name) + " at step " + std::to_string(step) + ", seed " +
                   std::to_string(random_.seed()));
      if (random_.oneIn(2)) std::swap(near_, far_);
      (this->*operation.run)();
      check(*near_);
      check(*far_);
      if (near_->expected.size() > 60000) consumeAll();
    }
  }

 private:
  struct Operation {
    const char* name;
    void (Model::*run)();
  };
  static std::span<const Operation> operations();

  static void check(const Side& side) {
    ASSERT_EQ(side.queue.size(), side.expected.size());
    ASSERT_EQ(side.queue.empty(), side.expected.empty());
    const auto entries = entriesOf(side.queue);
    const auto front = side.queue.front();
    ASSERT_EQ(front.size(), entries.empty() ? 0U : entries[0].size());
    ASSERT_EQ(front.data(), entries.empty() ? nullptr : entries[0].data());
    std::size_t offset = 0;
    for (const std::string_view entry : entries) {
      ASSERT_FALSE(entry.empty());
      ASSERT_EQ(entry, std::string_view(side.expected).substr(offset, entry.size()));
      offset += entry.size();
    }
    ASSERT_EQ(offset, side.expected.size());
  }

  // `before` lies where it did, `offset` bytes into the queue.
  static void expectUnmoved(const std::vector<std::string_view>& before, const OutputQueue& queue,
                            std::size_t offset) {
    const auto after = entriesOf(queue);
    for (const std::string_view entry : before) {
      ASSERT_EQ(addressAt(after, offset), entry.data());
      offset += entry.size();
      ASSERT_EQ(addressAt(after, offset - 1), entry.data() + entry.size() - 1);
    }
  }

  std::size_t someLength() {
    switch (random_.upTo(9)) {
      case 0:
        return OutputQueue::kCopyLimit + random_.upTo(5000);
      case 1:
        return OutputQueue::kCopyLimit - 2 + random_.upTo(4);
      default:
        return random_.upTo(60);
    }
  }

  template <class Append>
  void append(Append&& append) {
    const std::string bytes = random_.bytes(someLength());
    const auto before = entriesOf(near_->queue);
    append(bytes);
    expectUnmoved(before, near_->queue, 0);
    near_->expected += bytes;
  }
  void appendView() {
    append([this](const std::string& bytes) { near_->queue.append(std::string_view(bytes)); });
  }
  void appendString() {
    append([this](const std::string& bytes) {
      std::string mine = bytes;
      const char* const address = mine.data();
      const std::size_t offset = near_->queue.size();
      near_->queue.append(std::move(mine));
      if (bytes.size() > OutputQueue::kCopyLimit) {
        EXPECT_EQ(addressAt(entriesOf(near_->queue), offset), address);
      }
    });
  }
  void appendShared() {
    append([this](const std::string& bytes) {
      auto shared = std::make_shared<const std::string>(bytes);
      const char* const address = shared->data();
      const std::size_t offset = near_->queue.size();
      near_->queue.append(std::move(shared));
      if (bytes.size() > OutputQueue::kCopyLimit) {
        EXPECT_EQ(addressAt(entriesOf(near_->queue), offset), address);
      }
    });
  }

  void consume() {
    const std::size_t most = near_->expected.size();
    const std::size_t length = random_.oneIn(4) ? most : random_.upTo(most);
    const auto before = entriesOf(near_->queue);
    near_->queue.consume(length);
    near_->expected.erase(0, length);
    if (!near_->expected.empty()) {
      EXPECT_EQ(addressAt(entriesOf(near_->queue), 0), addressAt(before, length));
    }
  }
  void consumeAll() {
    near_->queue.consume(std::numeric_limits<std::size_t>::max());
    near_->expected.clear();
  }
  void clear() {
    near_->queue.clear();
    near_->expected.clear();
  }

  void moveFront() {
    const std::size_t chunks =
        random_.oneIn(5) ? std::numeric_limits<std::size_t>::max() : random_.upTo(3);
    auto moving = entriesOf(near_->queue);
    moving.resize(std::min(moving.size(), chunks));
    const auto resident = entriesOf(far_->queue);
    const std::size_t offset = far_->expected.size();
    const std::size_t moved = near_->queue.moveFrontTo(far_->queue, chunks);
    expectUnmoved(resident, far_->queue, 0);
    expectUnmoved(moving, far_->queue, offset);
    far_->expected += near_->expected.substr(0, moved);
    near_->expected.erase(0, moved);
  }

  void move() {
    const auto before = entriesOf(near_->queue);
    OutputQueue moved(std::move(near_->queue));
    EXPECT_TRUE(near_->queue.empty());  // NOLINT(bugprone-use-after-move)
    if (random_.oneIn(2)) {
      near_->queue = std::move(moved);
      expectUnmoved(before, near_->queue, 0);
    } else {
      far_->queue = std::move(moved);
      far_->expected = std::exchange(near_->expected, "");
      expectUnmoved(before, far_->queue, 0);
    }
  }
  void swap() {
    const auto before = entriesOf(near_->queue);
    near_->queue.swap(far_->queue);
    near_->expected.swap(far_->expected);
    expectUnmoved(before, far_->queue, 0);
  }

  testing::Randomness random_;
  Side one_;
  Side two_;
  Side* near_ = &one_;
  Side* far_ = &two_;
};

std::span<const Model::Operation> Model::operations() {
  static constexpr std::array<Operation, 12> kOperations = {{
      {"append a view", &Model::appendView},
      {"append a view", &Model::appendView},
      {"append a string", &Model::appendString},
      {"append a string", &Model::appendString},
      {"append a shared string", &Model::appendShared},
      {"consume", &Model::consume},
      {"consume", &Model::consume},
      {"consume", &Model::consume},
      {"move front", &Model::moveFront},
      {"move", &Model::move},
      {"swap", &Model::swap},
      {"clear", &Model::clear},
  }};
  return kOperations;
}

TEST(OutputQueue, BehavesLikeAStringUnderRandomOperations) { Model().run(40000); }

}  // namespace
}  // namespace tern
