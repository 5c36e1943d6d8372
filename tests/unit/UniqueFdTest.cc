// UniqueFd: a descriptor is closed once, at the right moment, and errno stays what it was.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <tern/base/UniqueFd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <type_traits>
#include <utility>

namespace tern {
namespace {

int anyFd() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

bool isOpen(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

static_assert(!std::is_copy_constructible_v<UniqueFd>);
static_assert(!std::is_copy_assignable_v<UniqueFd>);
static_assert(std::is_nothrow_move_constructible_v<UniqueFd>);
static_assert(std::is_nothrow_move_assignable_v<UniqueFd>);
static_assert(!std::is_convertible_v<int, UniqueFd>, "ownership is never taken by accident");
static_assert(!std::is_convertible_v<UniqueFd, bool>);

TEST(UniqueFd, ByDefaultOwnsNone) {
  const UniqueFd none;
  EXPECT_EQ(none.get(), -1);
  EXPECT_FALSE(none);
  EXPECT_FALSE(UniqueFd(-1));
}

TEST(UniqueFd, ClosesAtTheEndOfItsLife) {
  const int raw = anyFd();
  {
    const UniqueFd fd(raw);
    EXPECT_TRUE(fd);
    EXPECT_EQ(fd.get(), raw);
    EXPECT_TRUE(isOpen(raw));
  }
  EXPECT_FALSE(isOpen(raw));
}

TEST(UniqueFd, DescriptorZeroIsADescriptor) {
  UniqueFd fd(0);
  EXPECT_TRUE(fd);
  EXPECT_EQ(fd.release(), 0);
}

TEST(UniqueFd, ReleaseGivesUpWithoutClosing) {
  const int raw = anyFd();
  {
    UniqueFd fd(raw);
    EXPECT_EQ(fd.release(), raw);
    EXPECT_FALSE(fd);
    EXPECT_EQ(fd.get(), -1);
    EXPECT_EQ(fd.release(), -1);
  }
  EXPECT_TRUE(isOpen(raw));
  ::close(raw);
}

TEST(UniqueFd, ResetClosesTheOldAndOwnsTheNew) {
  const int first = anyFd();
  const int second = anyFd();
  UniqueFd fd(first);
  fd.reset(second);
  EXPECT_FALSE(isOpen(first));
  EXPECT_TRUE(isOpen(second));
  EXPECT_EQ(fd.get(), second);
  fd.reset();
  EXPECT_FALSE(isOpen(second));
  EXPECT_FALSE(fd);
  fd.reset();
  EXPECT_FALSE(fd);
}

TEST(UniqueFd, ResetToItsOwnDescriptorKeepsItOpen) {
  UniqueFd fd(anyFd());
  const int raw = fd.get();
  fd.reset(raw);
  EXPECT_TRUE(isOpen(raw));
  EXPECT_EQ(fd.get(), raw);
}

TEST(UniqueFd, MovingHandsTheDescriptorOver) {
  const int raw = anyFd();
  UniqueFd from(raw);
  const UniqueFd to(std::move(from));
  EXPECT_FALSE(from);  // NOLINT(bugprone-use-after-move): what is left is part of the contract
  EXPECT_EQ(to.get(), raw);
  EXPECT_TRUE(isOpen(raw));
}

TEST(UniqueFd, MoveAssignmentClosesWhatItHeld) {
  const int first = anyFd();
  const int second = anyFd();
  UniqueFd target(first);
  UniqueFd source(second);
  target = std::move(source);
  EXPECT_FALSE(isOpen(first));
  EXPECT_TRUE(isOpen(second));
  EXPECT_EQ(target.get(), second);
  EXPECT_FALSE(source);  // NOLINT(bugprone-use-after-move)
  target = UniqueFd();
  EXPECT_FALSE(isOpen(second));
}

TEST(UniqueFd, MovingToItselfKeepsTheDescriptor) {
  UniqueFd fd(anyFd());
  const int raw = fd.get();
  UniqueFd& alias = fd;
  fd = std::move(alias);
  EXPECT_EQ(fd.get(), raw);
  EXPECT_TRUE(isOpen(raw));
}

TEST(UniqueFd, ClosesOnlyItsOwnEnd) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  writer.reset();
  char byte = 0;
  EXPECT_EQ(::read(reader.get(), &byte, 1), 0) << "the end of the pipe was not closed";
}

TEST(UniqueFd, ErrnoOutlivesClosing) {
  UniqueFd fd(anyFd());
  errno = EAGAIN;
  fd.reset();
  EXPECT_EQ(errno, EAGAIN);

  {
    const UniqueFd other(anyFd());
    errno = ENFILE;
  }
  EXPECT_EQ(errno, ENFILE);
}

TEST(UniqueFd, ErrnoOutlivesAFailedClose) {
  const int raw = anyFd();
  ::close(raw);
  UniqueFd gone(raw);
  errno = EINTR;
  gone.reset();
  EXPECT_EQ(errno, EINTR);
  EXPECT_FALSE(gone);
}

}  // namespace
}  // namespace tern
