#pragma once
// Durations, sizes and names as people write them; globs; UTF-8. Pure.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace trivet::wire {

// "30s", "5m", "100ms", "1h30m", "250us", or one bare number of seconds ("30", "0.5"). Units: us ms
// s m h d. Exact to the nanosecond. kInvalidInput says what is expected: also for a negative value,
// for one over 292 years, and for "1h30", which could mean either.
Result<Duration> parse_duration(std::string_view text);

// "256MiB", "128mb", "1gb", "64KiB", "512", "10k": bytes; KB, MB, GB are 1024-based like KiB, MiB,
// GiB; case does not matter. `bare_unit` multiplies a number without a unit (Alyx memory: MiB).
Result<size_t> parse_size(std::string_view text, size_t bare_unit = 1);

// "1.5s", "250ms", "5m": the shortest exact form, which parse_duration reads back to the same
// value. For people and for `--output json` stability.
std::string format_duration(Duration d);
std::string format_size(size_t bytes);  // "32MiB"

// ^[a-z][a-z0-9_-]{0,62}$
bool is_function_name(std::string_view name);

// The candidate nearest to `word` (edit distance at most a third of its length, plus one), or
// empty.
template <class Range>
std::string nearest(std::string_view word, const Range& candidates);
size_t edit_distance(std::string_view a, std::string_view b);

// True when `path` ("a/b.go") matches `glob`: * within a segment, ** over segments ("**/" also over
// none), ?, [a-z], [!a-z], {a,b}. Braces do not nest and mean at most 64 combinations. A glob over
// 4 KiB, or one that would take very many steps, matches nothing.
bool glob_match(std::string_view glob, std::string_view path);

// A folder or file whose content is nobody's source: hidden, fetched, cached, or an editor's.
bool is_no_source(std::string_view name);

bool is_utf8(std::string_view bytes);
// Length of the valid UTF-8 sequence at the front of `bytes`, 0 when there is none. No overlong
// forms, no surrogates, nothing above U+10FFFF.
size_t utf8_sequence(std::string_view bytes);

template <class Range>
std::string nearest(std::string_view word, const Range& candidates) {
  std::string best;
  size_t least = word.size() / 3 + 1;
  for (const auto& candidate : candidates) {
    size_t length = std::string_view{candidate}.size();
    if (length > word.size() + least || word.size() > length + least) continue;  // cheap, and safe
    size_t d = edit_distance(word, candidate);
    if (d <= least && (best.empty() || d < least)) {
      least = d;
      best = std::string{candidate};
    }
  }
  return best;
}

}  // namespace trivet::wire
