// Dates: the one form that is written, and the three that are read.
#include <gtest/gtest.h>
#include <tern/http/Date.h>

#include <ctime>
#include <limits>
#include <optional>

namespace tern::testing {
namespace {

constexpr std::time_t kExample = 784111777;

TEST(HttpDate, IsWrittenAsTheStandardSays) {
  EXPECT_EQ(http::formatDate(kExample), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http::formatDate(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(http::formatDate(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(http::formatDate(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
}

TEST(HttpDate, HasFourDigitsOfAYearWhateverTheTime) {
  EXPECT_EQ(http::formatDate(std::numeric_limits<std::time_t>::max()),
            "Fri, 31 Dec 9999 23:59:59 GMT");
  EXPECT_EQ(http::formatDate(std::numeric_limits<std::time_t>::min()),
            "Sat, 01 Jan 0000 00:00:00 GMT");
}

TEST(HttpDate, IsReadInAllThreeForms) {
  EXPECT_EQ(http::parseDate("Sun, 06 Nov 1994 08:49:37 GMT"), kExample);
  EXPECT_EQ(http::parseDate("Sunday, 06-Nov-94 08:49:37 GMT"), kExample);
  EXPECT_EQ(http::parseDate("Sun Nov  6 08:49:37 1994"), kExample);
  EXPECT_EQ(http::parseDate("Wed Nov 16 08:49:37 1994"), kExample + 10 * 86400);
}

TEST(HttpDate, IsReadAsItIsWritten) {
  for (std::time_t time = -5'000'000'000; time < 50'000'000'000; time += 123'456'789) {
    EXPECT_EQ(http::parseDate(http::formatDate(time)), time);
  }
}

TEST(HttpDate, OfAnyOtherFormIsNone) {
  for (const char* text :
       {"", "Sun", "Sun,", "today", "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 No", "784111777", "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT"}) {
    EXPECT_EQ(http::parseDate(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace tern::testing
