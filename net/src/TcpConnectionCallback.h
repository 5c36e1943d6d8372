// TcpConnectionCallback: how a connection calls its user.
#pragma once

#include <new>
#include <utility>

#include "ConnectionSet.h"
#include "LoopWatch.h"
#include "tern/net/EventLoop.h"
#include "tern/net/TcpConnection.h"

namespace tern {

template <class Call>
void TcpConnection::runCallback(Call&& call) {
  runCallbackHere(call);
}

/// The same as part of its caller, for the callback that each message pays for.
template <class Call>
inline void TcpConnection::runCallbackHere(Call&& call) {
  ++callbackDepth_;
  if (roomy_ && inFlight_ == 0 && output_.empty()) direct_ = first();
  try {
    if (LoopWatch::ofThisThread() != nullptr) [[unlikely]] {
      runWatched(call);
    } else {
      call();
    }
  } catch (...) {
    // What it sent, or asked for, before it threw still happens: at the end of a turn.
    leaveCallback();
    scheduleTurnEnd();
    throw;
  }
  if (leaveCallback() && plain_) {
    if (!output_.empty()) sendOutputHere();
  } else {
    afterCallback();
  }
}

inline void TcpConnection::sendOutputHere() {
  const std::size_t before = output_.size();
  const std::size_t taken = stream_->send(output_);
  if (taken > 0) {
    inFlight_ += taken;
    set_->hold(taken);
  }
  if (!output_.empty()) {
    sentInPart(before);
    return;
  }
  set_->counters().sent.add(before);
  touch();
}

/// Calls call(*this) from a functor, unless it is down by then. Without memory for the functor the
/// connection closes: what was due would never come.
template <class Call>
void TcpConnection::callLater(Call&& call) {
  try {
    loop().queueInLoop([self = shared_from_this(), call = std::forward<Call>(call)] {
      if (!self->disconnected()) call(*self);
    });
  } catch (const std::bad_alloc&) {
    forceCloseInLoop(std::make_error_code(std::errc::not_enough_memory), CloseCause::kNoMemory);
  }
}

// By value, so that what is called need not be in memory where it is not watched.
template <class Call>
void TcpConnection::runWatched(Call call) {
  const LoopWatch::Scope scope(*LoopWatch::ofThisThread(),
                               {.owner = &callbacks_->name, .id = id_, .peer = peer_});
  call();
}

}  // namespace tern
