// Ranks of one node read one data set through one cache; what they read is what each reads alone.

#include "data/node_cache.hpp"

#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "core/error.hpp"
#include "core/timer.hpp"
#include "data/known_voxels.hpp"
#include "data/loader.hpp"
#include "support/temporary_folder.hpp"
#include "support/world.hpp"

namespace vox::data {
namespace {

using test::world;

constexpr core::Index3 kSize{40, 44, 36};
constexpr size_t kCases = 10;

/// Rank 0 writes; all read.
const std::filesystem::path& shards() {
    static const auto folder = world().is_root() ? std::make_unique<test::TemporaryFolder>() : nullptr;
    static const std::filesystem::path path = [] {
        if (folder) test::known_dataset(folder->path(), 2, std::vector<core::Index3>(kCases, kSize), Codec::lz4, 16);
        return std::filesystem::path(world().broadcast(folder ? folder->path().string() : ""));
    }();
    return path;
}

Options options(const std::string& cache, double cache_rate = 1, double replace_rate = 0) {
    Options options;
    options.cache = cache;
    options.cache_rate = cache_rate;
    options.replace_rate = replace_rate;
    options.crop_size = {kSize[0], kSize[1], kSize[2]};  // every epoch touches every chunk
    options.prefetch_mb = 1;
    options.seed = 5;
    return options;
}

std::unique_ptr<ShardReader> open(const Options& options) {
    auto reader = std::make_unique<ShardReader>(shards(), options.cache_bytes());
    if (options.shares_cache()) share_on_node(*reader, world(), options);
    return reader;
}

size_t stored_chunks(const ShardReader& reader) {
    size_t chunks = 0;
    for (const auto& array : reader.arrays())
        for (const auto& place : array.chunks->places) chunks += place.bytes > 0;
    return chunks;
}

struct Counted {
    double decoded, hits;
};
Counted over_all_ranks(const ShardReader& reader) {
    const auto own = reader.counters();
    const auto sums = world().sum({static_cast<double>(own.chunks_decoded), static_cast<double>(own.cache_hits)});
    return {sums[0], sums[1]};
}

/// One epoch of this rank's batches.
std::vector<Batch> epoch_of(Loader& loader) {
    std::vector<Batch> batches;
    for (int64_t i = 0, steps = loader.steps_per_epoch(1); i < steps; ++i) batches.push_back(loader.next(1).at(0));
    return batches;
}

void expect_every_case_once(const std::vector<Batch>& batches) {
    std::string own;
    for (const auto& batch : batches)
        for (const auto& id : batch.case_ids) own += id + " ";
    std::map<std::string, int> times;
    for (const auto& text : world().gather(own)) {
        std::istringstream ids(text);
        for (std::string id; ids >> id;) ++times[id];
    }
    EXPECT_EQ(times.size(), kCases);
    for (const auto& [id, count] : times) EXPECT_EQ(count, 1) << id;
}

Loader loader_of(const ShardReader& reader, const Options& options) {
    return {reader, options, 4, world().rank(), world().size(), at::kCPU, at::kFloat};
}

void expect_same(const std::vector<Batch>& a, const std::vector<Batch>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
        EXPECT_EQ(a[i].case_ids, b[i].case_ids);
        EXPECT_TRUE(at::equal(a[i].image, b[i].image));
        EXPECT_TRUE(at::equal(a[i].label, b[i].label));
    }
}

TEST(NodeCache, DecodesEachChunkOnceANodeAndFindsItEverAfter) {
    const auto reader = open(options("node")), each = open(options("rank"));
    const auto chunks = static_cast<double>(stored_chunks(*reader));
    const double n = world().size();
    // Every rank reads every case whole, all at once: ranks race for each chunk.
    std::vector<float> image(2 * kSize[0] * kSize[1] * kSize[2]);
    std::vector<uint8_t> label(image.size() / 2);
    const auto read_all = [&](const ShardReader& from) {
        for (size_t c = 0; c < kCases; ++c) {
            from.read_image(c, {{0, 0, 0}, kSize}, image);
            from.read_label(c, {{0, 0, 0}, kSize}, label);
            int64_t v = 0, wrong = 0;
            for (int64_t channel = 0; channel < 2; ++channel)
                for (int64_t k = 0; k < kSize[0]; ++k)
                    for (int64_t j = 0; j < kSize[1]; ++j)
                        for (int64_t i = 0; i < kSize[2]; ++i, ++v)
                            wrong += image[static_cast<size_t>(v)] != test::known_voxel(c, channel, k, j, i);
            EXPECT_EQ(wrong, 0) << "voxels of case " << c;
        }
        world().barrier();
    };
    read_all(*reader);
    EXPECT_EQ(over_all_ranks(*reader).decoded, chunks);
    EXPECT_EQ(over_all_ranks(*reader).hits, (n - 1) * chunks);
    read_all(*reader);
    EXPECT_EQ(over_all_ranks(*reader).decoded, chunks);
    EXPECT_EQ(over_all_ranks(*reader).hits, (2 * n - 1) * chunks);
    read_all(*each);
    EXPECT_EQ(over_all_ranks(*each).decoded, n * chunks);
}

TEST(NodeCache, TrainingFindsNinetyNineOfAHundredChunksAfterTheFirstEpoch) {
    const auto all = options("node");
    const auto reader = open(all);
    Loader loader = loader_of(*reader, all);
    expect_every_case_once(epoch_of(loader));
    const auto first = over_all_ranks(*reader);
    for (int epoch = 0; epoch < 3; ++epoch) expect_every_case_once(epoch_of(loader));
    const auto last = over_all_ranks(*reader);
    const double hits = last.hits - first.hits, decoded = last.decoded - first.decoded;
    if (world().is_root())
        std::printf("np %d: %.0f decoded and %.0f found after epoch 1: %.2f %% hits\n", world().size(), decoded, hits,
                    100 * hits / (hits + decoded));
    EXPECT_GE(hits / (hits + decoded), 0.99);
    EXPECT_EQ(last.decoded, static_cast<double>(stored_chunks(*reader)));
}

TEST(NodeCache, NumbersDoNotDependOnTheCacheAndEveryCaseComesEachEpoch) {
    const auto none = options("none");
    const auto reader = open(none);
    Loader plain = loader_of(*reader, none);
    std::vector<std::vector<Batch>> expected;
    for (int epoch = 0; epoch < 4; ++epoch) expected.push_back(epoch_of(plain));
    for (const auto& one : {options("rank"), options("node"), options("node", 0.5), options("node", 0.5, 0.3),
                            options("node", 0.3, 1), options("node", 0)}) {
        const auto cached = open(one);
        Loader loader = loader_of(*cached, one);
        for (int epoch = 0; epoch < 4; ++epoch) {
            const auto batches = epoch_of(loader);
            expect_same(batches, expected[static_cast<size_t>(epoch)]);
            expect_every_case_once(batches);
        }
        world().barrier();
        const auto counters = cached->counters();
        EXPECT_LE(counters.cache_peak_bytes, counters.cache_budget_bytes);
        if (one.cache_rate == 0.5) {
            EXPECT_GT(counters.cache_hits, 0);
        }
    }
}

TEST(NodeCache, KeepsAtMostItsShareOfTheDataSet) {
    const auto whole = open(options("node"));
    const auto all = static_cast<double>(whole->counters().cache_budget_bytes);
    for (const double rate : {0.75, 0.25, 0.0}) {
        const auto part = open(options("node", rate));
        EXPECT_LE(static_cast<double>(part->counters().cache_budget_bytes), std::max(rate * all, 4096.0));
        EXPECT_GE(static_cast<double>(part->counters().cache_budget_bytes), rate * all - 20'000);
    }
    Options small = options("node");
    small.cache_mb = 1;
    EXPECT_LE(open(small)->counters().cache_budget_bytes, size_t{1} << 20);
}

TEST(NodeCache, AResumeInTheMiddleOfAnEpochGoesOnAsBefore) {
    const auto smart = options("node", 0.5, 0.5);
    const auto first = open(smart), second = open(smart);
    Loader straight = loader_of(*first, smart);
    for (int step = 0; step < 4; ++step) straight.next(1);  // 3 steps an epoch
    const Position place = straight.position();
    ASSERT_EQ(place, (Position{1, 1}));
    const auto rest = epoch_of(straight);
    Loader again = loader_of(*second, smart);
    again.seek(place);
    expect_same(epoch_of(again), rest);
}

TEST(NodeCache, HoldsOneCopyWhereRanksHoldOneEach) {
    // Pages of files, the programs' code, come and go as the system likes: anonymous and shared memory does not.
    const auto pss = [] {
        ::malloc_trim(0);  // pages that tests before have left
        std::ifstream rollup("/proc/self/smaps_rollup");
        double kilobytes = 0;
        for (std::string word; rollup >> word;) {
            double value = 0;
            if ((word == "Pss_Anon:" || word == "Pss_Shmem:") && rollup >> value) kilobytes += value;
        }
        world().barrier();
        const double all = world().sum({kilobytes}).front() / 1024;
        world().barrier();  // nobody lets go of pages while another still counts
        return all;
    };
    const auto large = world().is_root() ? std::make_unique<test::TemporaryFolder>() : nullptr;
    constexpr core::Index3 size{128, 120, 128};
    if (large) test::known_dataset(large->path(), 2, {size, size, size, size}, Codec::lz4, 32);
    const std::filesystem::path folder = world().broadcast(large ? large->path().string() : "");
    std::vector<float> image(static_cast<size_t>(2 * size[0] * size[1] * size[2]), 1.0F);
    std::map<std::string, double> grown;
    for (const std::string cache : {"node", "rank"}) {
        ShardReader reader(folder, cache == "rank" ? size_t{1} << 30 : 0);
        const double before = pss();
        if (cache == "node") share_on_node(reader, world(), options(cache));
        for (size_t c = 0; c < 4; ++c) reader.read_image(c, {{0, 0, 0}, size}, image);
        grown[cache] = pss() - before;
    }
    const double copy = 4 * 2.0 * 2 * static_cast<double>(size[0] * size[1] * size[2]) / (1 << 20);
    if (world().is_root())
        std::printf("np %d: %.1f MiB of decoded images; PSS over all ranks grew by %.1f MiB (rank), %.1f MiB (node)\n",
                    world().size(), copy, grown["rank"], grown["node"]);
    EXPECT_GT(grown["rank"], 0.75 * copy * world().size());
    EXPECT_GT(grown["node"], 0.9 * copy);
    EXPECT_LT(grown["node"], 1.25 * copy);
}

/// Seats for `count` chunks of 4096 bytes, made of nothing.
struct Made {
    ChunkedArray array;
    CachePlan plan;
    explicit Made(size_t count, size_t budget = size_t{1} << 20, double replace_rate = 0)
        : array(of(count)),
          plan(std::vector<StoredArray>{{0, StoredArray::Kind::image, &array}}, {}, budget, replace_rate) {}
    static ChunkedArray of(size_t count) {
        ChunkedArray array;
        array.type = VoxelType::uint8;
        array.chunk = {1, 16, 16, 16};
        array.places.resize(count);
        for (auto& place : array.places) place.bytes = 1;
        return array;
    }
};

void write(std::span<std::byte> voxels, int value) { std::ranges::fill(voxels, static_cast<std::byte>(value)); }

TEST(NodeCache, AChunkThatDoesNotDecodeIsTriedAgainAndNeverSeen) {
    NodeCache cache(world(), Made(4).plan);
    const ChunkRequest request{2, 4096, 0};
    const auto fails = [](std::span<std::byte> voxels) {
        write(voxels, 66);
        throw core::DataError("damaged");
    };
    EXPECT_THROW(cache.get(request, fails), core::DataError);
    EXPECT_THROW(cache.get(request, fails), core::DataError);
    world().barrier();
    const auto chunk = cache.get(request, [](std::span<std::byte> voxels) { write(voxels, 7); });
    EXPECT_EQ(chunk.voxels[4095], std::byte{7});
    world().barrier();
}

TEST(NodeCache, WhoDecodesForEverHoldsNobodyUp) {
    NodeCache cache(world(), Made(4).plan, /*patience_s=*/0.2);
    const ChunkRequest request{1, 4096, 0};
    std::atomic<bool> begun = false, go_on = false;
    std::jthread stuck;
    if (world().rank() == world().size() - 1) {
        stuck = std::jthread([&] {
            const auto chunk = cache.get(request, [&](std::span<std::byte> voxels) {
                begun = true;
                while (!go_on) std::this_thread::yield();
                write(voxels, 5);
            });
            EXPECT_EQ(chunk.voxels[0], std::byte{5});
        });
        while (!begun) std::this_thread::yield();
    }
    world().barrier();
    int decoded = 0;
    const core::Timer timer;
    for (int again = 0; again < 3; ++again) {
        const auto chunk = cache.get(request, [&](std::span<std::byte> voxels) {
            ++decoded;
            write(voxels, 5);
        });
        EXPECT_EQ(chunk.voxels[4095], std::byte{5});
    }
    EXPECT_EQ(decoded, 3);  // for itself: the seat is nobody's any more
    EXPECT_LT(timer.seconds(), 20);
    world().barrier();
    go_on = true;
}

TEST(NodeCache, AChunkThatIsReadIsNotReplacedUntilItIsLetGoOf) {
    const Made made(8, /*budget=*/2 * 4096 + 3 * 4200, /*replace_rate=*/1);
    NodeCache cache(world(), made.plan);
    const size_t seats = made.plan.seats();
    ASSERT_GE(seats, 2u);
    ASSERT_LT(seats, 4u);
    // Epoch 0 keeps chunks 0 .. seats-1, epoch 1 the next ones, in the same seats.
    const auto get = [&](uint64_t key, int64_t epoch, int& decoded) {
        return cache.get({key, 4096, epoch}, [&](std::span<std::byte> voxels) {
            ++decoded;
            write(voxels, static_cast<int>(key) + 1);
        });
    };
    ASSERT_EQ(made.plan.seat(0, 0)->number, made.plan.seat(seats, 1)->number);
    int ignored = 0;
    {
        const auto held = get(0, 0, ignored);
        world().barrier();
        int decoded = 0;
        for (int again = 0; again < 2; ++again)
            EXPECT_EQ(get(seats, 1, decoded).voxels[9], static_cast<std::byte>(seats + 1));
        EXPECT_EQ(decoded, 2);  // for itself
        EXPECT_EQ(held.voxels[9], std::byte{1});
        world().barrier();
    }
    world().barrier();
    int decoded = 0;
    EXPECT_EQ(get(seats, 1, decoded).voxels[9], static_cast<std::byte>(seats + 1));
    world().barrier();
    EXPECT_EQ(world().sum({static_cast<double>(decoded)}).front(), 1);  // once, for all
    decoded = 0;
    EXPECT_EQ(get(0, 0, decoded).voxels[9], std::byte{1});
    EXPECT_EQ(decoded, 1);  // a rank that lags behind does not push out what a later epoch keeps
    world().barrier();
    EXPECT_EQ(get(seats, 1, decoded).voxels[9], static_cast<std::byte>(seats + 1));
    EXPECT_EQ(decoded, 1);
    EXPECT_LE(cache.figures().bytes, cache.figures().budget_bytes);
    world().barrier();
}

TEST(NodeCache, ManyThreadsOfAllRanksSeeOnlyWholeChunks) {
    const Made made(16, 2 * 4096 + 6 * 4200, 1);
    NodeCache cache(world(), made.plan);
    std::atomic<int> wrong = 0, hits = 0;
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 3; ++t) {
            threads.emplace_back([&, t] {
                for (int64_t step = 0; step < 4000; ++step) {
                    const auto key = static_cast<uint64_t>((step * 7 + t * 5 + world().rank()) % 16);
                    bool kept = true;
                    const auto chunk = cache.get({key, 4096, step / 100}, [&](std::span<std::byte> voxels) {
                        kept = false;
                        for (auto& voxel : voxels) voxel = static_cast<std::byte>(key + 1);
                    });
                    hits += kept;
                    for (size_t v = 0; v < 4096; v += 61) wrong += chunk.voxels[v] != static_cast<std::byte>(key + 1);
                }
            });
        }
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(hits, 0);
    world().barrier();
}

}  // namespace
}  // namespace vox::data
