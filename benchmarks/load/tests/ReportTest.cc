// The two forms of a result: their fields, their units, and null where there is nothing to say.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "Report.h"

namespace tern::load {
namespace {

using nlohmann::json;
using std::chrono::microseconds;

Result sample() {
  Result result;
  result.measured = std::chrono::seconds(2);
  result.requests = 200'000;
  result.bytes = 12'800'000;
  result.verifiedBytes = 13'000'000;
  result.clientCpu = std::chrono::seconds(1);
  result.serverCpu = std::chrono::milliseconds(500);
  for (int i = 1; i <= 1000; ++i) result.latency.record(microseconds(i));
  return result;
}

json parsed(const Result& result) { return json::parse(tern::load::json(result)); }

TEST(Report, JsonHasTheFiguresInTheirUnits) {
  const json document = parsed(sample());
  EXPECT_EQ(document["mode"], "raw");
  EXPECT_EQ(document["work"], "echo");
  EXPECT_EQ(document["connections"], 100);
  EXPECT_EQ(document["size"], 64);
  EXPECT_EQ(document["depth"], 1);
  EXPECT_EQ(document["seconds"], 2.0);
  EXPECT_EQ(document["requests"], 200'000);
  EXPECT_EQ(document["requests_per_second"], 100'000.0);
  EXPECT_EQ(document["bytes_per_second"], 6'400'000.0);
  EXPECT_EQ(document["verified_bytes"], 13'000'000);
  EXPECT_EQ(document["errors"], 0);
  EXPECT_EQ(document["server_cpu_us_per_request"], 2.5);
  EXPECT_EQ(document["client_cpu_us_per_request"], 5.0);
  EXPECT_EQ(document["latency_us"]["min"], 1.0);
  EXPECT_EQ(document["latency_us"]["max"], 1000.0);
  EXPECT_NEAR(document["latency_us"]["mean"].get<double>(), 500.5, 0.001);
  EXPECT_NEAR(document["latency_us"]["p50"].get<double>(), 500, 0.5);
  EXPECT_NEAR(document["latency_us"]["p90"].get<double>(), 900, 0.9);
  EXPECT_NEAR(document["latency_us"]["p99"].get<double>(), 990, 0.99);
  EXPECT_NEAR(document["latency_us"]["p999"].get<double>(), 999, 1);
}

TEST(Report, JsonIsNullWhereNothingWasAskedForOrMeasured) {
  Result result = sample();
  result.serverCpu.reset();
  result.latency.clear();
  const json document = parsed(result);
  EXPECT_TRUE(document["rate"].is_null());
  EXPECT_TRUE(document["send_lag_us"].is_null());
  EXPECT_TRUE(document["first_error"].is_null());
  EXPECT_TRUE(document["server_cpu_us_per_request"].is_null());
  EXPECT_TRUE(document["rss_bytes_per_connection"].is_null());
  EXPECT_TRUE(document["latency_us"]["p99"].is_null());
}

TEST(Report, NothingIsDividedByZero) {
  Result result = sample();
  result.measured = Duration{0};
  result.requests = 0;
  const json document = parsed(result);
  EXPECT_EQ(document["requests_per_second"], 0.0);
  EXPECT_TRUE(document["server_cpu_us_per_request"].is_null());
}

TEST(Report, JsonOfAnOpenLoopHasItsRateAndTheClientsOwnLag) {
  Result result = sample();
  result.options.rate = 5000;
  result.sendLag.record(microseconds(3));
  const json document = parsed(result);
  EXPECT_EQ(document["rate"], 5000.0);
  EXPECT_EQ(document["send_lag_us"]["max"], 3.0);
}

TEST(Report, AnIdleRunReportsMemoryAConnectionAndNoRate) {
  Result result = sample();
  result.options.work = Work::idle;
  result.options.connections = 1000;
  result.residentBefore = 1'000'000;
  result.residentAfter = 1'400'000;
  const json document = parsed(result);
  EXPECT_EQ(document["rss_before_bytes"], 1'000'000);
  EXPECT_EQ(document["rss_after_bytes"], 1'400'000);
  EXPECT_EQ(document["rss_bytes_per_connection"], 400.0);
  EXPECT_TRUE(document["requests_per_second"].is_null());
  EXPECT_NE(humanLine(result).find("400 B a connection"), std::string::npos);
}

TEST(Report, MemoryThatShrankIsNegative) {
  Result result = sample();
  result.options.work = Work::idle;
  result.residentBefore = 1'400'000;
  result.residentAfter = 1'000'000;
  EXPECT_EQ(parsed(result)["rss_bytes_per_connection"], -4000.0);
  EXPECT_NE(humanLine(result).find("-4,000 B a connection"), std::string::npos);
}

TEST(Report, TheHumanLineIsOneLine) {
  EXPECT_EQ(humanLine(sample()),
            "echo raw, 100 connections, 64 B, depth 1: 100,000 requests/s over 2.00 s, p50 500 us, "
            "p99 990 us, max 1 ms, server 2.5 us CPU a request, client 50 % busy, 0 errors");
}

TEST(Report, TheHumanLineEndsInTheFirstErrorWhenThereIsOne) {
  Result result = sample();
  result.errors = 2;
  result.firstError = "connection 3: reset by the server";
  const std::string line = humanLine(result);
  EXPECT_NE(line.find("2 errors (the first: connection 3: reset by the server)"),
            std::string::npos);
  EXPECT_EQ(parsed(result)["first_error"], result.firstError);
}

}  // namespace
}  // namespace tern::load
