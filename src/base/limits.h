#pragma once
// Every queue, frame, line, retry and timeout has a name, a default and a maximum. They are all
// here, so that one page tells what trivet refuses. Checked where data enters; manifests may set
// some within the maximum.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace trivet::limits {

using namespace std::chrono_literals;

inline constexpr size_t kKiB = 1024;
inline constexpr size_t kMiB = 1024 * kKiB;

// Frames (docs/formats/frame.md).
inline constexpr size_t kFrameHeader = 16;  // bytes, length field included
inline constexpr size_t kFrameMetaMax = 1 * kMiB;
inline constexpr size_t kFrameChunk = 64 * kKiB;  // body bytes of one CHUNK that we send
inline constexpr size_t kStreamCredit =
    256 * kKiB;  // unconsumed body bytes a sender may have in flight
inline constexpr size_t kPortEnvelope = 4 * kKiB;     // of a port's message, besides the payload
inline constexpr size_t kPayloadDefault = 32 * kMiB;  // limits.payload of a function
inline constexpr size_t kPayloadMax = 1024 * kMiB;

// Terms of the External Term Format.
inline constexpr size_t kTermDepth = 128;            // of lists, tuples and maps in each other
inline constexpr size_t kTermCount = 4'000'000;      // terms in one term
inline constexpr size_t kPortPacketMax = 64 * kMiB;  // of the port's packets, in and out

// Logs.
inline constexpr size_t kLogLineMax = 8 * kKiB;      // a longer line is cut, with a mark
inline constexpr size_t kLogRateDefault = 1 * kMiB;  // bytes a second of one worker
inline constexpr size_t kLogRateLeast = 1 * kKiB;
inline constexpr size_t kLogRateMax = 1024 * kMiB;
inline constexpr int kLogBurst = 4;              // seconds' worth of them at once
inline constexpr size_t kStderrTail = 4 * kKiB;  // kept of a worker's stderr for its obituary
// Kept in memory by the host, whichever is reached first; the oldest are dropped and counted.
inline constexpr size_t kLogStoreLines = 50'000;
inline constexpr size_t kLogStoreBytes = 64 * kMiB;

// HTTP server.
inline constexpr size_t kHttpHeaderMax = 64 * kKiB;
inline constexpr size_t kHttpHeaderCount = 128;
inline constexpr size_t kHttpTargetMax = 8 * kKiB;
inline constexpr size_t kHttpPipelineBuffer = 256 * kKiB;
inline constexpr size_t kHttpConnections = 10'000;
inline constexpr auto kHttpHeaderTimeout = 10s;    // from first byte to end of headers
inline constexpr auto kHttpBodyIdleTimeout = 30s;  // between two pieces of a body, either direction
inline constexpr auto kHttpKeepAlive = 75s;
inline constexpr auto kHttpHalfCloseGrace = 1s;  // for a client that has closed its sending side

// Manifests.
inline constexpr size_t kManifestMax = 1 * kMiB;
inline constexpr size_t kManifestDepth = 32;
inline constexpr size_t kManifestNodes = 20'000;  // after aliases are expanded
inline constexpr size_t kFunctionsMax = 100'000;

// Pools.
inline constexpr int kScaleMaxDefault = 8;
inline constexpr int kScaleOverflowDefault = 2;
inline constexpr int kQueueDefault = 100;
inline constexpr int kShardsMax = 64;
inline constexpr int kQueueMax = 100'000;
inline constexpr int kConcurrencyMax = 1'000;
inline constexpr auto kTimeoutDefault = 30s;
inline constexpr auto kTimeoutMax = std::chrono::hours{24};
inline constexpr auto kStartTimeoutDefault = 30s;
inline constexpr auto kIdleDefault = 5min;
inline constexpr auto kCancelGrace = 250ms;    // between CANCEL and SIGKILL
inline constexpr auto kStopGrace = 2s;         // between DRAIN and SIGKILL
inline constexpr auto kBusyGrace = 30s;        // the same, of a worker that said BUSY
inline constexpr auto kSecondThought = 500ms;  // before a version that does not start takes over
inline constexpr int kBreakerFailures = 5;     // within the window, and half of all calls at least
inline constexpr auto kBreakerWindow = 10s;
inline constexpr auto kBreakerCooldown = 5s;
inline constexpr int kMaxWorkersDefault = 1'000;  // of all functions
inline constexpr int kMaxWorkersMost = 100'000;
inline constexpr size_t kWorkerMemory = 64 * kMiB;  // taken for a worker that nobody has measured
inline constexpr auto kBudgetTurn =
    1s;  // after which a function without a worker is given another's
inline constexpr size_t kExitsKept = 10;  // ends of workers that a pool remembers
// A queue whose calls wait longer than the target for an interval is shortened to the target.
inline constexpr auto kQueueTargetLeast = 100ms;
inline constexpr auto kQueueTargetMost = 2s;
inline constexpr int kQueueTargetShare = 15;  // of limits.timeout
inline constexpr auto kQueueInterval = 1s;
inline constexpr auto kRetryAfterMost = 60s;
inline constexpr auto kDrainDefault = 30s;  // host shutdown waits this long for calls in flight

// What one worker may use, unless its manifest says otherwise.
inline constexpr int64_t kMemoryDefault = 512 * kMiB;
inline constexpr int kPidsDefault = 256;  // threads count
inline constexpr int kFilesDefault = 1024;
inline constexpr int64_t kDiskDefault = 512 * kMiB;
inline constexpr size_t kMemoryLeast = 16 * kMiB;
inline constexpr size_t kMemoryMax = 1024 * 1024 * kMiB;
inline constexpr int kCpuPercentMax = 1024 * 100;  // of one processor
inline constexpr int kPidsMax = 65'536;
inline constexpr int kFilesLeast = 16;
inline constexpr int kFilesMax = 1'048'576;
inline constexpr size_t kDiskLeast = 64 * kKiB;
inline constexpr size_t kDiskMax = 1024 * 1024 * kMiB;
inline constexpr size_t kBindsMax = 64;      // sandbox.read and sandbox.write of a function
inline constexpr size_t kNetRulesMax = 256;  // sandbox.net of a function

// Builds.
inline constexpr auto kBuildTimeout = std::chrono::minutes{10};  // of all steps, without waiting
inline constexpr auto kBuildTimeoutMax = std::chrono::hours{24};
inline constexpr size_t kBuildSizeDefault = 2048 * kMiB;  // of a step's output
inline constexpr size_t kBuildSizeMax = 1024 * 1024 * kMiB;
inline constexpr int64_t kBuildMemory = 4096 * kMiB;   // of all steps' processes together
inline constexpr int64_t kBuildScratch = 2048 * kMiB;  // of /tmp, which counts as memory
inline constexpr int kBuildPids = 4096;
inline constexpr int kBuildFiles = 65'536;
inline constexpr auto kBuildUnwanted = 30s;  // a build that nobody waits for any more goes on

// The store that hosts share.
inline constexpr auto kStoreRest = 30s;  // it is left alone after it was found to be away
inline constexpr auto kStorePush = std::chrono::minutes{10};  // of one artifact
inline constexpr auto kStoreFarewell = 5s;     // a host that ends waits for what it is sending
inline constexpr size_t kStoreUnsent = 1'000;  // artifacts that wait to be sent

// Archives that are unpacked.
inline constexpr uint64_t kArchiveEntries = 1'000'000;
inline constexpr size_t kArchivePath = 4096;  // bytes: what Linux takes
inline constexpr size_t kArchiveDepth = 256;  // folders in each other

// Calls that functions make (ASK).
inline constexpr int kCallDepthMax = 8;   // nested in the call that came from outside
inline constexpr int kAsksPerCall = 256;  // waiting for their answer; more are refused

// Switching from one version of a function to the next.
inline constexpr auto kReloadWait = 10s;  // what a reload that was asked for waits for it

// Watcher.
inline constexpr auto kWatchDebounce = 100ms;

// Internal tokens.
inline constexpr auto kTokenLife = 5min;

}  // namespace trivet::limits
