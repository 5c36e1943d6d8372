// TcpConnection: one TCP connection: an input buffer, an output queue, and the callbacks between.
#pragma once

#include <any>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "tern/base/Buffer.h"
#include "tern/base/Clock.h"
#include "tern/base/OutputQueue.h"
#include "tern/net/Callbacks.h"
#include "tern/net/CompactAddress.h"
#include "tern/net/SocketAddress.h"
#include "tern/poller/Stream.h"

struct tcp_info;

namespace tern {

class ConnectionDeadlines;
struct ConnectionExtras;
class ConnectionSet;
class EventLoop;
class TaskQueue;
class UniqueFd;

/// Made by a TcpServer, which holds it while it is up; keep a TcpConnectionPtr to hold it longer.
/// It lives on one loop: its callbacks run there. Methods are for that thread unless they say "any
/// thread"; those may also be called when the connection, its server and its loop are gone, and
/// then do nothing.
///
/// What is sent in one of its callbacks leaves in one kernel send when the callback returns; what
/// is sent elsewhere on the loop's thread leaves before the loop waits again. What could not share
/// a segment is the exception: a view of 64 KiB or more may go ahead, and a send takes at most 64
/// large pieces.
class TcpConnection final : public std::enable_shared_from_this<TcpConnection>,
                            private StreamHandler {
  class Private {
    friend class TcpConnection;
    Private() = default;
  };

 public:
  /// For servers and clients: opens a connected socket on the calling loop's thread and enters it
  /// into `set` for as long as it is up. The set must outlive that. Throws std::system_error when
  /// the poller can't take the socket. connectEstablished() must follow.
  static TcpConnectionPtr open(EventLoop& loop, UniqueFd fd, std::uint64_t id,
                               std::shared_ptr<const ConnectionCallbacks> callbacks,
                               ConnectionSet& set);

  /// For servers and clients: announces it to the connection callback; passes on what that throws.
  void connectEstablished();

  /// For servers that end: calls the drain callback, or shutdown(). Loop thread; passes on what the
  /// callback throws.
  void drain();

  TcpConnection(Private, EventLoop& loop, std::uint64_t id,
                std::shared_ptr<const ConnectionCallbacks> callbacks, ConnectionSet& set);
  TcpConnection(const TcpConnection&) = delete;
  TcpConnection& operator=(const TcpConnection&) = delete;
  ~TcpConnection();

  // --- state ---

  /// Up, and shutdown() was not called. Any thread.
  [[nodiscard]] bool connected() const noexcept { return state() == State::kConnected; }
  /// Down for good. Any thread.
  [[nodiscard]] bool disconnected() const noexcept { return state() == State::kDisconnected; }
  /// Why it closed: empty for an orderly end. Valid from the connection callback on.
  [[nodiscard]] std::error_code closeReason() const noexcept {
    return {closeError_, *closeDomain_};
  }
  /// Unique within its server. Any thread.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  /// "server#12". Loop thread.
  [[nodiscard]] std::string name() const;
  /// Of a Unix-domain peer, which seldom has a name, only the family is known. Any thread.
  [[nodiscard]] SocketAddress peerAddress() const { return peer_.expand(); }
  /// While it is up, and in the connection callback.
  [[nodiscard]] SocketAddress localAddress() const;
  /// Any thread, while the loop is there.
  [[nodiscard]] EventLoop* getLoop() const noexcept;

  // --- sending: any thread ---

  /// Queues bytes to send. On the loop's thread the bytes of a view are copied once, or, from 64
  /// KiB on and while nothing waits, as far as the kernel takes them at once, not at all; from
  /// another thread, always. Bytes sent by one thread keep their order. Dropped after shutdown() or
  /// close.
  void send(std::string_view bytes) {
    // Nearly always, from the second reply of a callback on.
    if (direct_ == this && output_.extendLast(bytes)) return;
    sendView(bytes);
  }
  void send(const char* text) { send(std::string_view(text)); }
  void send(const void* data, std::size_t length) {
    send(std::string_view(static_cast<const char*>(data), length));
  }
  /// A large string is moved, not copied.
  void send(std::string&& bytes);
  /// Sends and retrieves all that is readable.
  void send(Buffer* buffer);
  /// Shares the bytes: one string, unless small, for many connections, uncopied.
  void send(std::shared_ptr<const std::string> bytes);

  /// Sends part of a file, in order with what is sent before and after it; the file is not read
  /// into memory as a whole. It must be one that can be read at an offset; the loop waits for its
  /// disk. When the file can't be read to the end of that part, the connection is closed with the
  /// error.
  void sendFile(std::shared_ptr<const UniqueFd> file, std::uint64_t offset, std::uint64_t length);
  void sendFile(UniqueFd file, std::uint64_t offset, std::uint64_t length);

  /// Sends what is queued, then FIN. What the peer sends still arrives until it closes, too.
  void shutdown();
  /// Closes without waiting for output; the connection callback runs soon, not inside the call.
  void forceClose();
  void forceCloseWithDelay(Delay delay);

  // --- receiving: any thread ---

  /// Stops and resumes the message callback; the peer is slowed down by TCP. After stopRead() on
  /// the loop's thread no message callback comes, not even for what the current one leaves unread.
  void stopRead();
  void startRead();

  // --- the loop's thread only ---

  /// Neither stopRead() nor forceClose() was called. A message callback that asks after each
  /// message of a batch knows when to leave the rest.
  [[nodiscard]] bool isReading() const noexcept { return reading_; }
  [[nodiscard]] Buffer* inputBuffer() noexcept { return &input_; }
  /// For a message callback that leaves whole messages unread, because it stopped reading or
  /// throws: it is called again, before more bytes and the end of file come, in the next turn or,
  /// with reading stopped, after startRead(). Nothing happens when nothing is unread.
  void showInputAgain();
  /// Bytes sent that have not left for the kernel; files do not count.
  [[nodiscard]] std::size_t outputBytes() const noexcept {
    return queuedBytes() + (extras_ == nullptr ? 0 : bytesBehindFiles());
  }

  /// What it calls; valid until it is replaced, and then until the end of the turn.
  [[nodiscard]] const ConnectionCallbacks& callbacks() const noexcept { return *callbacks_; }
  /// These replace, for this connection, what it shares with its server's others; one call for all
  /// is the cheapest. The name and the idle time-out of `callbacks` are not looked at: see
  /// setIdleTimeout().
  void setCallbacks(ConnectionCallbacks callbacks);
  void setConnectionCallback(ConnectionCallback callback);
  void setMessageCallback(MessageCallback callback);
  void setWriteCompleteCallback(WriteCompleteCallback callback);
  void setHalfCloseCallback(HalfCloseCallback callback);
  void setHighWaterMarkCallback(HighWaterMarkCallback callback, std::size_t mark);
  void setLowWaterMarkCallback(LowWaterMarkCallback callback, std::size_t mark);
  void setOutputLimit(std::size_t bytes);

  /// Closes the connection with std::errc::timed_out once no byte has come or gone for this long,
  /// also while reading is stopped; zero or less: never. Replaces what the server set.
  void setIdleTimeout(Delay timeout);
  /// Closes it so at that time, unless this is called again or the deadline is cleared: for a whole
  /// request, however its bytes trickle in. Cheap enough to be called for each message.
  void setDeadline(Timestamp when);
  void clearDeadline() { setDeadline(Timestamp::max()); }

  /// Anything of the user's.
  void setContext(std::any context) { context_ = std::move(context); }
  [[nodiscard]] const std::any& getContext() const noexcept { return context_; }
  [[nodiscard]] std::any* getMutableContext() noexcept { return &context_; }

  /// On by default. Without effect on a Unix-domain socket.
  void setTcpNoDelay(bool on);
  /// The kernel's view of the connection; false when it can't be had any more.
  bool getTcpInfo(tcp_info* info) const;
  /// The same as a line for a log; empty when it can't be had.
  [[nodiscard]] std::string getTcpInfoString() const;

 private:
  friend class ConnectionSet;
  friend class ConnectionDeadlines;
  enum class State : std::uint8_t {
    kConnected,
    kDisconnecting,  // FIN goes after the pending output
    kHalfClosed,     // FIN was sent
    kDisconnected,
  };
  // What ServerStats::Closed tells apart.
  enum class CloseCause : std::uint8_t {
    kPeer,
    kServer,
    kError,
    kTimeout,
    kOutputLimit,
    kBufferLimit,
    kNoMemory,
    kForced,
  };
  static constexpr std::size_t kCloseCauses = 8;

  void onData(std::span<const char> bytes) override;
  std::span<char> receiveRoom(std::size_t most) override;
  void onEof() override;
  void onSent(std::size_t bytes) override;
  void onError(std::error_code error) override;

  [[nodiscard]] EventLoop& loop() const noexcept;
  [[nodiscard]] State state() const noexcept { return state_.load(std::memory_order_acquire); }
  void establish(UniqueFd fd);
  template <class Post>
  void onLoop(Post&& post);
  void sendView(std::string_view bytes);
  [[gnu::noinline]] void sendBehind(std::string_view bytes);
  [[gnu::noinline]] void sendWithCare(std::string_view bytes);
  template <class Bytes>
  void sendInLoop(Bytes&& bytes);
  std::string_view sendLarge(std::string_view bytes);
  void appended();
  void shutdownInLoop();
  void forceCloseInLoop(std::error_code reason, CloseCause cause);
  void setReadingInLoop(bool on);
  void readStream(bool on);
  void queueInput();
  void showInput();
  [[gnu::always_inline]] void showUnread();

  template <class Call>
  void runCallback(Call&& call);
  template <class Call>
  [[gnu::always_inline]] void runCallbackHere(Call&& call);
  template <class Call>
  void callLater(Call&& call);
  template <class Call>
  [[gnu::noinline]] void runWatched(Call call);
  void afterCallback();
  bool leaveCallback() noexcept;
  void scheduleTurnEnd();
  void turnEnd();
  void flush();
  void sendOutput();
  [[gnu::always_inline]] void sendOutputHere();
  [[gnu::cold]] void sentInPart(std::size_t before);
  [[gnu::noinline]] void countHeld();
  void setState(State state) noexcept;
  [[gnu::noinline]] void flushed();
  void afterProgress();
  [[nodiscard]] bool sendsFreely() const noexcept;
  void updatePlain() noexcept;
  void noteCause(CloseCause cause) noexcept {
    if (!closeRequested_) closeCause_ = cause;
  }
  void setReason(std::error_code reason) noexcept {
    closeError_ = reason.value();
    closeDomain_ = &reason.category();
  }
  [[nodiscard]] const void* first() const noexcept {
    return reinterpret_cast<const char*>(this) + 1;
  }
  void sendNextWithCare() noexcept {
    if (direct_ == this || direct_ == first()) direct_ = nullptr;
  }
  void aboveAMark(std::size_t now);
  void fellToLowMark(std::size_t waiting);
  void writeCompleted();
  void closeNow();
  ConnectionExtras& extras();
  ConnectionDeadlines& deadlines();
  void expire();
  void touch() noexcept {
    if (extras_ != nullptr) touchDeadlines();
  }
  [[gnu::cold]] void touchDeadlines() noexcept;
  /// Before the first file, if there is one.
  [[nodiscard]] std::size_t queuedBytes() const noexcept { return output_.size() + inFlight_; }
  [[nodiscard]] std::size_t bytesBehindFiles() const noexcept;
  [[nodiscard]] bool hasFiles() const noexcept;
  void sendFileInLoop(std::shared_ptr<const UniqueFd> file, std::uint64_t offset,
                      std::uint64_t length);
  template <class Bytes>
  void append(Bytes&& bytes);
  void sendFiles();
  bool sendFromFile();
  void settleInput();
  void keepUnread();

  // The connection in one of whose callbacks this thread is, while sending to it has no other
  // consequence than that the bytes leave, its output_ is not empty, and no mark is within the
  // reach of its last block. Its first() while output_ is empty and the same holds for a first
  // block. Else null, as after any callback: that only means to look.
  static inline constinit thread_local const void* direct_ = nullptr;

  // The order, and the widths of the flags, make for few bytes: an idle connection is little else.
  const std::shared_ptr<TaskQueue> tasks_;  // the loop may be gone when others still send
  std::shared_ptr<const ConnectionCallbacks> callbacks_;
  ConnectionSet* set_;
  TcpConnectionPtr self_;  // while it is up, and until the end of the turn in which it went down
  StreamPtr stream_;
  std::unique_ptr<ConnectionExtras> extras_;  // null: none were ever asked for
  Buffer input_;
  OutputQueue output_;
  std::size_t inFlight_ = 0;  // taken by the stream, not yet sent
  std::any context_;
  const std::uint64_t id_;
  const std::error_category* closeDomain_ = &std::system_category();
  int closeError_ = 0;
  // Bytes that wait to be sent, but for those in flight, and bytes unread, as told to set_;
  // saturated. See countHeld().
  std::uint32_t held_ = 0;
  std::uint32_t setPosition_ = 0;
  CompactAddress peer_;
  std::atomic<State> state_{State::kConnected};
  std::uint8_t roomBits_ : 5 = 0;  // see receiveRoom()
  CloseCause closeCause_ : 3 = CloseCause::kForced;
  std::uint16_t callbackDepth_ = 0;  // no byte, for which the compiler would read all else again
  bool plain_ = false;               // see updatePlain()
  bool reading_ : 1 = true;
  bool inputDue_ : 1 = false;  // see showInputAgain(); the stream is not read from
  bool eof_ : 1 = false;
  bool closeRequested_ : 1 = false;
  bool turnEndScheduled_ : 1 = false;
  bool aboveHighMark_ : 1 = false;
  bool writeCompleteDue_ : 1 = false;
  bool roomy_ : 1 = false;  // plain_, and no mark is within the reach of a first block of output_
};

/// The default connection callback of muduo programs: logs up and down at debug level.
void defaultConnectionCallback(const TcpConnectionPtr& connection);

}  // namespace tern
