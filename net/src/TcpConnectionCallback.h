// TcpConnectionCallback: how a connection calls its user.
#pragma once

#include "tern/net/TcpConnection.h"

namespace tern {

template <class Call>
void TcpConnection::runCallback(Call&& call) {
  ++callbackDepth_;
  try {
    call();
  } catch (...) {
    // What it sent, or asked for, before it threw still happens: at the end of a turn.
    leaveCallback();
    scheduleTurnEnd();
    throw;
  }
  leaveCallback();
  if (plain_ && callbackDepth_ == 0) {
    if (!output_.empty()) sendOutput();
  } else {
    afterCallback();
  }
}

}  // namespace tern
