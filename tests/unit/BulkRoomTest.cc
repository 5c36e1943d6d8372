// BulkRoom: when a bulky stream may receive much.
#include <gtest/gtest.h>
#include <tern/poller/BulkRoom.h>

#include <cstddef>
#include <cstdint>

namespace tern {
namespace {

class BulkRoomTest : public ::testing::Test {
 protected:
  /// A bulky stream receives.
  std::size_t next() {
    const std::size_t most = room_.next(receives_);
    ++receives_;
    return most;
  }
  /// The last of so many.
  std::size_t next(unsigned times) {
    for (unsigned i = 1; i < times; ++i) next();
    return next();
  }
  void anotherReceives() { ++receives_; }
  void anotherBecomesBulky() {
    ++receives_;
    room_.noteFull();
  }

 private:
  BulkRoom room_;
  std::uint64_t receives_ = 0;
};

TEST_F(BulkRoomTest, GrowsWhenOnlyBulkyStreamsHaveReceivedForLong) {
  EXPECT_EQ(next(BulkRoom::kPatience - 1), BulkRoom::kBesideOthers);
  EXPECT_EQ(next(), BulkRoom::kAlone);
  EXPECT_EQ(next(1000), BulkRoom::kAlone);
}

TEST_F(BulkRoomTest, ShrinksAtOnceWhenAnotherStreamReceives) {
  EXPECT_EQ(next(1000), BulkRoom::kAlone);
  anotherReceives();
  EXPECT_EQ(next(BulkRoom::kPatience), BulkRoom::kBesideOthers);
  EXPECT_EQ(next(), BulkRoom::kAlone);
}

TEST_F(BulkRoomTest, StaysSmallWhileOthersReceiveAgainAndAgain) {
  for (int i = 0; i < 100; ++i) {
    anotherReceives();
    EXPECT_EQ(next(BulkRoom::kPatience), BulkRoom::kBesideOthers);
  }
}

TEST_F(BulkRoomTest, AStreamThatProvesToBeBulkyIsNotOneOfTheOthers) {
  EXPECT_EQ(next(1000), BulkRoom::kAlone);
  anotherBecomesBulky();
  EXPECT_EQ(next(), BulkRoom::kAlone);
}

TEST(BulkRoom, ItsBlockHoldsTheLargestReceive) {
  BulkRoom room;
  EXPECT_EQ(room.block().size(), BulkRoom::kAlone);
  EXPECT_EQ(room.block().data(), room.block().data());
}

}  // namespace
}  // namespace tern
