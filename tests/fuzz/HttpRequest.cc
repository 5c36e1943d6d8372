// HttpRequest: a stream of bytes is the same requests, and the same error, however it arrives.
#include <tern/base/Buffer.h>
#include <tern/http/Limits.h>
#include <tern/net/SocketAddress.h>

#include <iterator>

#include "Fuzz.h"
#include "RequestReader.h"

namespace tern::fuzz {
namespace {

using http::RequestReader;

std::string describe(const http::Request& request) {
  std::string text;
  text += request.method();
  text += ' ';
  text += request.target();
  text += request.keepAlive() ? " keep" : " close";
  for (std::size_t i = 0; i < request.fieldCount(); ++i) {
    text += '\n';
    text += request.field(i).name;
    text += ": ";
    text += request.field(i).value;
  }
  text += "\n\n";
  text += request.body();
  return text;
}

http::Limits narrow() {
  http::Limits limits;
  limits.headBytes = 512;
  limits.requestLineBytes = 128;
  limits.bodyBytes = 256;
  return limits;
}

std::vector<std::string> outcome(const std::vector<std::string_view>& pieces) {
  static const http::Limits limits = narrow();
  RequestReader reader(limits, SocketAddress(1, true));
  Buffer buffer;
  std::vector<std::string> events;
  bool requestDue = false;
  for (const std::string_view piece : pieces) {
    buffer.append(piece);
    for (bool more = true; more;) {
      const std::size_t before = buffer.readableBytes();
      const RequestReader::Step step = reader.read(buffer);
      require(buffer.readableBytes() <= before, "reading takes, and never gives");
      switch (step) {
        case RequestReader::Step::kMore:
          more = false;
          break;
        case RequestReader::Step::kHead:
          require(!requestDue, "a request has one head");
          requestDue = true;
          events.push_back("head of " + std::string(reader.request().target()));
          break;
        case RequestReader::Step::kRequest:
          requestDue = false;
          require(reader.request().body().size() <= limits.bodyBytes, "bodies are bounded");
          events.push_back(describe(reader.request()));
          reader.next();
          break;
        case RequestReader::Step::kError:
          require(reader.status() >= 400 && reader.status() < 600, "an error has its status");
          events.push_back("error " + std::to_string(reader.status()));
          return events;
      }
    }
  }
  return events;
}

}  // namespace
}  // namespace tern::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using tern::fuzz::require;
  FuzzedDataProvider input(data, size);
  const std::string bytes = input.ConsumeRandomLengthString(3000);
  const auto whole = tern::fuzz::outcome({bytes});
  std::vector<std::string_view> single;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    single.push_back(std::string_view(bytes).substr(i, 1));
  require(tern::fuzz::outcome(single) == whole, "byte by byte the requests are the same");
  require(tern::fuzz::outcome(tern::fuzz::cut(bytes, input)) == whole,
          "in other pieces the requests are the same");
  return 0;
}
