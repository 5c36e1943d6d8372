// Formatting of results.
#include "Report.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace tern::load {
namespace {

using Json = nlohmann::ordered_json;

double ratePerSecond(std::uint64_t count, Duration duration) {
  return duration.count() == 0 ? 0.0 : static_cast<double>(count) / toSeconds(duration);
}

// Only an idle run has no requests in its window: it counts those that opened the connections.
bool hasRate(const Result& result) { return result.options.work != Work::idle; }

std::optional<double> microsecondsPerRequest(std::optional<Duration> cpu, const Result& result) {
  if (!cpu || !hasRate(result) || result.requests == 0) return std::nullopt;
  return toMicroseconds(*cpu) / static_cast<double>(result.requests);
}

std::optional<double> residentPerConnection(const Result& result) {
  if (!result.residentBefore || !result.residentAfter) return std::nullopt;
  return (static_cast<double>(*result.residentAfter) -
          static_cast<double>(*result.residentBefore)) /
         result.options.connections;
}

template <typename T>
Json orNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json microsecondsOf(const Histogram& histogram) {
  const auto value = [&](Duration duration) {
    return histogram.empty() ? Json(nullptr) : Json(toMicroseconds(duration));
  };
  return {{"min", value(histogram.min())},
          {"mean", histogram.empty() ? Json(nullptr) : Json(histogram.meanNanoseconds() / 1000)},
          {"p50", value(histogram.percentile(0.50))},
          {"p90", value(histogram.percentile(0.90))},
          {"p99", value(histogram.percentile(0.99))},
          {"p999", value(histogram.percentile(0.999))},
          {"max", value(histogram.max())}};
}

std::string fixed(double value, int decimals) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

std::string significant(double value, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*g", digits, value);
  return text.data();
}

// Three significant digits, and no exponent for what has more.
std::string threeDigits(double value) {
  return value < 1000 ? significant(value, 3) : fixed(value, 0);
}

std::string grouped(double value) {
  std::string digits = fixed(value, 0);
  const std::size_t sign = digits.front() == '-' ? 1 : 0;
  for (std::size_t at = digits.size(); at > sign + 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::string withUnit(Duration duration) {
  const double microseconds = toMicroseconds(duration);
  if (microseconds < 1000) return threeDigits(microseconds) + " us";
  if (microseconds < 1e6) return threeDigits(microseconds / 1e3) + " ms";
  return threeDigits(microseconds / 1e6) + " s";
}

std::string workload(const Result& result) {
  const Options& options = result.options;
  std::string text = std::string(nameOf(options.work)) + " " + nameOf(options.framing) + ", " +
                     std::to_string(options.connections) +
                     (options.connections == 1 ? " connection, " : " connections, ") +
                     std::to_string(options.size) + " B, depth " + std::to_string(options.depth);
  if (options.rate) text += ", open loop at " + grouped(*options.rate) + "/s";
  return text;
}

std::string throughput(const Result& result) {
  const double perSecond = ratePerSecond(result.requests, result.measured);
  const std::string window = fixed(toSeconds(result.measured), 2) + " s";
  switch (result.options.work) {
    case Work::idle: {
      const auto bytes = residentPerConnection(result);
      return "held for " + window +
             (bytes ? ", server memory " + grouped(*bytes) + " B a connection" : "");
    }
    case Work::bulk:
      return fixed(ratePerSecond(result.bytes, result.measured) / 1e6, 1) + " MB/s each way over " +
             window;
    case Work::acceptRate:
      return grouped(perSecond) + " connections/s over " + window;
    case Work::broadcast:
      return grouped(perSecond) + " deliveries/s over " + window;
    case Work::echo:
      break;
  }
  return grouped(perSecond) + " requests/s over " + window;
}

const char* nameOfRequest(Work work) {
  if (work == Work::acceptRate) return "connection";
  return work == Work::broadcast ? "delivery" : "request";
}

}  // namespace

std::string humanLine(const Result& result) {
  std::string line = workload(result) + ": " + throughput(result);
  if (!result.latency.empty()) {
    line += ", p50 " + withUnit(result.latency.percentile(0.50)) + ", p99 " +
            withUnit(result.latency.percentile(0.99)) + ", max " + withUnit(result.latency.max());
  }
  if (const auto cost = microsecondsPerRequest(result.serverCpu, result)) {
    line += ", server " + threeDigits(*cost) + " us CPU a " + nameOfRequest(result.options.work);
  }
  // Where this nears 100 %, the figures may be the client's limit and not the server's.
  if (result.measured.count() != 0 && hasRate(result)) {
    line += ", client " + fixed(100 * toSeconds(result.clientCpu) / toSeconds(result.measured), 0) +
            " % busy";
  }
  // The client's own lateness is in the latency of an open loop, so it must be known.
  if (!result.sendLag.empty()) {
    line += ", sent late by p99 " + withUnit(result.sendLag.percentile(0.99));
  }
  if (result.unanswered != 0) line += ", " + std::to_string(result.unanswered) + " unanswered";
  line += ", " + std::to_string(result.errors) + (result.errors == 1 ? " error" : " errors");
  if (result.errors != 0) line += " (the first: " + result.firstError + ")";
  if (result.interrupted) line += ", interrupted";
  return line;
}

std::string json(const Result& result) {
  const Options& options = result.options;
  const bool rated = hasRate(result);
  Json document;
  document["mode"] = nameOf(options.framing);
  document["work"] = nameOf(options.work);
  document["connections"] = options.connections;
  document["size"] = options.size;
  document["depth"] = options.depth;
  document["rate"] = orNull(options.rate);
  document["seconds"] = toSeconds(result.measured);
  document["requests"] = result.requests;
  document["requests_per_second"] =
      rated ? Json(ratePerSecond(result.requests, result.measured)) : Json(nullptr);
  document["bytes_per_second"] =
      rated ? Json(ratePerSecond(result.bytes, result.measured)) : Json(nullptr);
  document["latency_us"] = microsecondsOf(result.latency);
  document["send_lag_us"] = options.rate ? microsecondsOf(result.sendLag) : Json(nullptr);
  document["errors"] = result.errors;
  document["first_error"] = result.errors == 0 ? Json(nullptr) : Json(result.firstError);
  document["unanswered"] = result.unanswered;
  document["interrupted"] = result.interrupted;
  document["verified_bytes"] = result.verifiedBytes;
  document["segments_received"] = orNull(result.segments);
  document["server_cpu_us_per_request"] = orNull(microsecondsPerRequest(result.serverCpu, result));
  document["client_cpu_us_per_request"] = orNull(microsecondsPerRequest(result.clientCpu, result));
  document["server_cpu_seconds"] =
      result.serverCpu ? Json(toSeconds(*result.serverCpu)) : Json(nullptr);
  document["client_cpu_seconds"] = toSeconds(result.clientCpu);
  document["rss_before_bytes"] = orNull(result.residentBefore);
  document["rss_after_bytes"] = orNull(result.residentAfter);
  document["rss_bytes_per_connection"] = orNull(residentPerConnection(result));
  return document.dump(2);
}

}  // namespace tern::load
