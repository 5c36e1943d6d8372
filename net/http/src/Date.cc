// Date: by hand, since strftime() and strptime() speak the locale's language.
#include "tern/http/Date.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>

namespace tern::http {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::int64_t kFirstSecond = -62167219200;  // of year 0
constexpr std::int64_t kLastSecond = 253402300799;   // of year 9999

// Takes a text apart from the front; once something is not as expected, all else fails, too.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  void expect(std::string_view text) {
    if (!rest_.starts_with(text)) good_ = false;
    if (good_) rest_.remove_prefix(text.size());
  }
  int number(std::size_t digits) {
    int value = 0;
    if (rest_.size() < digits) good_ = false;
    for (std::size_t i = 0; good_ && i < digits; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') good_ = false;
      value = value * 10 + (rest_[i] - '0');
    }
    if (good_) rest_.remove_prefix(digits);
    return value;
  }
  unsigned month() {
    const auto* const found = std::find(kMonths.begin(), kMonths.end(), rest_.substr(0, 3));
    if (found == kMonths.end()) good_ = false;
    if (good_) rest_.remove_prefix(3);
    return static_cast<unsigned>(found - kMonths.begin()) + 1;
  }
  /// asctime() pads a day of one digit with a blank.
  int paddedDay() {
    if (!rest_.starts_with(' ')) return number(2);
    rest_.remove_prefix(1);
    return number(1);
  }
  [[nodiscard]] bool done() const noexcept { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

struct Parts {
  int year = 0;
  unsigned month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

void scanTime(Scanner& scanner, Parts& parts) {
  parts.hour = scanner.number(2);
  scanner.expect(":");
  parts.minute = scanner.number(2);
  scanner.expect(":");
  parts.second = scanner.number(2);
}

std::optional<std::time_t> toTime(const Parts& parts) {
  using std::chrono::day;
  using std::chrono::month;
  using std::chrono::year;
  const std::chrono::year_month_day date(year(parts.year), month(parts.month),
                                         day(static_cast<unsigned>(parts.day)));
  // A leap second counts as the one behind it.
  if (!date.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 60) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(days).count() +
         std::time_t{parts.hour} * 3600 + std::time_t{parts.minute} * 60 + parts.second;
}

// "Sun, 06 Nov 1994 08:49:37 GMT", without its day of the week.
std::optional<std::time_t> parseStandard(std::string_view text) {
  Scanner scanner(text);
  Parts parts;
  scanner.expect(", ");
  parts.day = scanner.number(2);
  scanner.expect(" ");
  parts.month = scanner.month();
  scanner.expect(" ");
  parts.year = scanner.number(4);
  scanner.expect(" ");
  scanTime(scanner, parts);
  scanner.expect(" GMT");
  return scanner.done() ? toTime(parts) : std::nullopt;
}

// "Sunday, 06-Nov-94 08:49:37 GMT": two digits of a year mean the latest that is at most fifty
// years ahead.
std::optional<std::time_t> parseRfc850(std::string_view text) {
  Scanner scanner(text);
  Parts parts;
  scanner.expect(", ");
  parts.day = scanner.number(2);
  scanner.expect("-");
  parts.month = scanner.month();
  scanner.expect("-");
  const int short2 = scanner.number(2);
  scanner.expect(" ");
  scanTime(scanner, parts);
  scanner.expect(" GMT");
  if (!scanner.done()) return std::nullopt;
  const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  const int now = static_cast<int>(std::chrono::year_month_day(today).year());
  parts.year = now - now % 100 + short2;
  if (parts.year > now + 50) parts.year -= 100;
  return toTime(parts);
}

// "Sun Nov  6 08:49:37 1994"
std::optional<std::time_t> parseAsctime(std::string_view text) {
  Scanner scanner(text);
  Parts parts;
  scanner.expect(" ");
  parts.month = scanner.month();
  scanner.expect(" ");
  parts.day = scanner.paddedDay();
  scanner.expect(" ");
  scanTime(scanner, parts);
  scanner.expect(" ");
  parts.year = scanner.number(4);
  return scanner.done() ? toTime(parts) : std::nullopt;
}

}  // namespace

std::string formatDate(std::time_t time) {
  const std::chrono::sys_seconds when(
      std::chrono::seconds(std::clamp<std::int64_t>(time, kFirstSecond, kLastSecond)));
  const auto day = std::chrono::floor<std::chrono::days>(when);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(when - day);
  const std::string_view weekday = kDays[std::chrono::weekday(day).c_encoding()];
  const std::string_view month = kMonths[static_cast<unsigned>(date.month()) - 1];
  std::array<char, 64> text{};
  const int length = std::snprintf(
      text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT", weekday.data(),
      static_cast<unsigned>(date.day()), month.data(), static_cast<int>(date.year()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<std::time_t> parseDate(std::string_view text) {
  static constexpr std::array<std::string_view, 7> kLongDays = {
      "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
  for (std::size_t i = 0; i < kDays.size(); ++i) {
    if (text.starts_with(kLongDays[i])) return parseRfc850(text.substr(kLongDays[i].size()));
    if (!text.starts_with(kDays[i])) continue;
    const std::string_view rest = text.substr(kDays[i].size());
    return rest.starts_with(',') ? parseStandard(rest) : parseAsctime(rest);
  }
  return std::nullopt;
}

}  // namespace tern::http
