// RandomFaults: the errors of each call.
#include "RandomFaults.h"

#include <algorithm>
#include <cerrno>

namespace tern::testing {
namespace {

// Each keeps the listener, or a send, from its work for many milliseconds of the test's time.
constexpr std::size_t kSeldom = 20;

}  // namespace

int RandomFaults::oneOf(std::initializer_list<int> errors) {
  return *(errors.begin() + random_.upTo(errors.size() - 1));
}

Answer RandomFaults::operator()(const Asked& asked) {
  if (oneIn_ == 0 || !random_.oneIn(oneIn_)) return {};
  return decide(asked);
}

Answer RandomFaults::fail(const Asked& asked, const Errors& errors) {
  const bool fatal =
      errors.fatal.size() > 0 && (errors.passing.size() == 0 || random_.oneIn(kSeldom));
  if (fatal && !fatal_(asked.fd)) return {};
  return {.error = oneOf(fatal ? errors.fatal : errors.passing)};
}

Answer RandomFaults::failOrShorten(const Asked& asked, const Errors& errors) {
  if (asked.length < 2 || random_.oneIn(2)) return fail(asked, errors);
  return {.atMost = 1 + random_.upTo(std::min<std::size_t>(asked.length, 3000) - 2)};
}

Answer RandomFaults::failToAccept(const Asked& asked) {
  if (!random_.oneIn(kSeldom)) {
    return fail(asked, {{EINTR, ECONNABORTED, EPROTO, EPERM, ENETDOWN, EHOSTUNREACH}});
  }
  shortage_();
  return fail(asked, {{EMFILE, ENFILE, ENOBUFS, ENOMEM}});
}

Answer RandomFaults::decide(const Asked& asked) {
  switch (asked.call) {
    case Call::kAccept:
      return failToAccept(asked);
    case Call::kEpollWait:
      return fail(asked, {{EINTR}});
    case Call::kPpoll:
      return fail(asked, {{EINTR, EINTR, EINTR, ENOMEM}});
    case Call::kEpollCtl:
      return random_.oneIn(kSeldom) ? fail(asked, {{}, {ENOMEM, ENOSPC}}) : Answer{};
    case Call::kFcntl:
      return random_.oneIn(kSeldom) ? fail(asked, {{}, {ENOMEM}}) : Answer{};
    case Call::kGetsockopt:
      return fail(asked, {{}, {ENOBUFS, ENOMEM}});
    case Call::kEventfd:  // the reserve: loops are made before
      return fail(asked, {{EMFILE, ENFILE, ENOMEM}});
    case Call::kRead:
      return fail(asked, {{EINTR, EAGAIN}});
    case Call::kPread:
      return failOrShorten(asked, {{EINTR}});
    case Call::kRecv:
      return failOrShorten(asked, {{EINTR, EAGAIN}, {ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENOMEM}});
    case Call::kSend:
    case Call::kSendmsg:
      return failOrShorten(asked,
                           {{EINTR, EAGAIN, ENOBUFS, ENOMEM}, {EPIPE, ECONNRESET, ETIMEDOUT}});
    case Call::kSendfile:
      return failOrShorten(asked, {{EINTR, EAGAIN, ENOMEM, EINVAL}, {EIO, EPIPE}});
    case Call::kSocket:
      return fail(asked, {{EMFILE, ENFILE, ENOBUFS, ENOMEM}});
    case Call::kConnect: {
      Answer answer =
          fail(asked, {{EINTR, EAGAIN, ECONNREFUSED, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL}});
      answer.afterwards = answer.error == EINTR;
      return answer;
    }
    default:
      return ofRequest(asked);
  }
}

Answer RandomFaults::ofRequest(const Asked& asked) {
  switch (asked.call) {
    case Call::kUringEnter:
      if (asked.length > 1 && random_.oneIn(2)) return {.atMost = random_.upTo(asked.length - 1)};
      return fail(asked, {{EINTR, EAGAIN, EBUSY, ENOMEM}});
    case Call::kUringAccept:
      return random_.oneIn(2) ? Answer{.once = true} : failToAccept(asked);
    case Call::kUringReceive:
      if (random_.oneIn(3)) return {.once = true};
      return failOrShorten(asked, {{ENOBUFS, EINTR, EAGAIN}, {ECONNRESET, ETIMEDOUT, ENOMEM}});
    case Call::kUringSend:
      if (random_.oneIn(3)) return {.late = true};
      if (random_.oneIn(kSeldom)) return fail(asked, {{ENOMEM, ENOBUFS}});
      return failOrShorten(asked, {{EINTR, EAGAIN}, {EPIPE, ECONNRESET, ETIMEDOUT}});
    case Call::kUringPoll:
      if (random_.oneIn(2)) return {.once = true};
      return fail(asked, {{EAGAIN, ECANCELED}, {ENOMEM}});
    case Call::kUringCancel:
    case Call::kUringCompletion:
    case Call::kUringBatch:
      return {.late = true};
    case Call::kUringStale:
      return {.error = random_.oneIn(2) ? 0 : ECONNRESET, .late = true};
    default:
      return {};
  }
}

}  // namespace tern::testing
