// Every rank writes its own values; all must read everybody's.

#include "comm/shared_window.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "support/world.hpp"

namespace vox::comm {
namespace {

using test::world;

std::span<uint64_t> numbers(const SharedWindow& window) {
    return {reinterpret_cast<uint64_t*>(window.bytes().data()), window.bytes().size() / sizeof(uint64_t)};
}

/// This process's share of the memory that it sees: of pages that n processes see, an n-th.
double pss_bytes() {
    std::ifstream rollup("/proc/self/smaps_rollup");
    for (std::string word; rollup >> word;) {
        double kilobytes = 0;
        if (word == "Pss:" && rollup >> kilobytes) return 1024 * kilobytes;
    }
    return -1;
}

TEST(SharedWindow, BeginsWithZerosAndShowsEveryRanksWrites) {
    constexpr size_t kPart = 1000;
    const auto size = static_cast<size_t>(world().size());
    const SharedWindow window(world(), kPart * size * sizeof(uint64_t));
    ASSERT_EQ(window.bytes().size(), kPart * size * sizeof(uint64_t));
    const auto all = numbers(window);
    EXPECT_TRUE(std::ranges::all_of(all, [](uint64_t value) { return value == 0; }));
    world().barrier();
    const auto rank = static_cast<size_t>(world().rank());
    for (size_t i = 0; i < kPart; ++i) all[rank * kPart + i] = (rank + 1) * 1'000'000 + i;
    world().barrier();
    for (size_t other = 0; other < size; ++other) {
        size_t wrong = 0;
        for (size_t i = 0; i < kPart; ++i) wrong += all[other * kPart + i] != (other + 1) * 1'000'000 + i;
        EXPECT_EQ(wrong, 0) << "of rank " << other;
    }
}

TEST(SharedWindow, AtomicsCountOverAllRanks) {
    const SharedWindow window(world(), 64);
    const std::atomic_ref<uint64_t> counter(numbers(window)[3]);
    ASSERT_TRUE(counter.is_lock_free());  // a lock of the library would be each process's own
    const auto own = static_cast<uint64_t>(world().rank() + 1);
    for (int i = 0; i < 20'000; ++i) counter.fetch_add(own);
    world().barrier();
    const auto n = static_cast<uint64_t>(world().size());
    EXPECT_EQ(counter.load(), 20'000 * n * (n + 1) / 2);
}

TEST(SharedWindow, IsThereOnceHoweverManyRanksReadIt) {
    constexpr size_t kBytes = size_t{64} << 20;
    const double before = world().sum({pss_bytes()}).front();
    ASSERT_GT(before, 0);
    const SharedWindow window(world(), kBytes);
    const double untouched = world().sum({pss_bytes()}).front() - before;
    if (world().is_root()) std::ranges::fill(window.bytes(), std::byte{7});
    world().barrier();
    size_t seen = 0;
    for (size_t i = 0; i < kBytes; i += 512) seen += window.bytes()[i] == std::byte{7};
    EXPECT_EQ(seen, kBytes / 512);
    world().barrier();
    const double grown = world().sum({pss_bytes()}).front() - before;
    world().barrier();
    EXPECT_LT(untouched, 0.2 * kBytes);  // what nobody wrote costs nothing
    EXPECT_GT(grown, 0.9 * kBytes);
    EXPECT_LT(grown, 1.3 * kBytes);
}

TEST(SharedWindow, TakesPartsOfItsMemoryInAdvance) {
    const SharedWindow window(world(), 1 << 20);
    EXPECT_TRUE(window.take(5000, 100'000));
    EXPECT_TRUE(window.take((1 << 20) - 1, 1));
    EXPECT_THROW(window.take(1 << 20, 1), core::InternalError);
}

TEST(SharedWindow, OneThatTheNodeHasNoRoomForIsRefusedOnAllRanks) {
    constexpr size_t kTooMuch = size_t{1} << 52;
    try {
        const SharedWindow window(world(), kTooMuch);
        FAIL() << "no node has that much";
    } catch (const core::ConfigError& error) {  // whose first rank looked
        EXPECT_EQ(world().rank(), 0);
        EXPECT_THAT(error.what(), testing::HasSubstr(std::to_string(kTooMuch)));
        EXPECT_THAT(error.what(), testing::HasSubstr("data.cache_mb"));
        if (world().size() > 1) {
            EXPECT_THAT(error.what(), testing::HasSubstr(shared_memory_folder().string()));
        }
    } catch (const core::PeerError& error) {
        EXPECT_NE(world().rank(), 0);
        EXPECT_THAT(error.what(), testing::HasSubstr(std::to_string(kTooMuch)));
    }
    const SharedWindow next(world(), 64);  // nothing was left half done
    EXPECT_EQ(next.bytes().size(), 64);
}

TEST(SharedWindow, WithoutMpiItIsPlainMemory) {
    const auto alone = make_local_world();
    const SharedWindow window(*alone, 4096);
    EXPECT_EQ(window.bytes()[4095], std::byte{0});
    window.bytes()[4095] = std::byte{9};
    EXPECT_TRUE(window.take(0, 4096));
    EXPECT_EQ(window.bytes()[4095], std::byte{9});
}

}  // namespace
}  // namespace vox::comm
