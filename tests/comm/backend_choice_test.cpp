#include "comm/backend_choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"

namespace vox::comm {
namespace {

RankFacts on_gpu(std::string host, int local_rank, int visible, std::string uuid) {
    return {std::move(host), local_rank, visible, std::move(uuid)};
}
RankFacts on_cpu(std::string host, int local_rank) { return {std::move(host), local_rank, 0, ""}; }

Options options(std::string backend, std::string device = "auto") {
    Options made;
    made.backend = std::move(backend);
    made.device = std::move(device);
    return made;
}

std::string refusal(const Options& asked, const std::vector<RankFacts>& ranks) {
    try {
        choose_backend(asked, ranks, 0);
    } catch (const core::ConfigError& error) {
        return error.what();
    }
    return "(no refusal)";
}

const std::vector<RankFacts> kFourGpus{on_gpu("a", 0, 2, "GPU-a0"), on_gpu("a", 1, 2, "GPU-a1"),
                                       on_gpu("b", 0, 2, "GPU-b0"), on_gpu("b", 1, 2, "GPU-b1")};
const std::vector<RankFacts> kSharedGpu{on_gpu("a", 0, 1, "GPU-a0"), on_gpu("a", 1, 1, "GPU-a0")};
const std::vector<RankFacts> kCpus{on_cpu("a", 0), on_cpu("a", 1)};

TEST(BackendChoice, OneGpuARankGivesNccl) {
    for (int rank = 0; rank < 4; ++rank) {
        const auto choice = choose_backend(options("auto"), kFourGpus, rank);
        EXPECT_EQ(choice.backend, "nccl");
        EXPECT_EQ(choice.device, at::Device(at::kCUDA, static_cast<at::DeviceIndex>(rank % 2)));
    }
}

TEST(BackendChoice, EachRankMaySeeItsOwnGpuAsNumberZero) {
    const std::vector<RankFacts> ranks{on_gpu("a", 0, 1, "GPU-a0"), on_gpu("a", 1, 1, "GPU-a1")};
    const auto choice = choose_backend(options("auto"), ranks, 1);
    EXPECT_EQ(choice.backend, "nccl");
    EXPECT_EQ(choice.device, at::Device(at::kCUDA, 0));
}

TEST(BackendChoice, MoreRanksThanGpusGivesMpiOnTheGpu) {
    const auto choice = choose_backend(options("auto"), kSharedGpu, 1);
    EXPECT_EQ(choice.backend, "mpi");
    EXPECT_EQ(choice.device, at::Device(at::kCUDA, 0));
    EXPECT_THAT(choice.reason, testing::HasSubstr("ranks 0 and 1 on a share GPU-a0"));
}

TEST(BackendChoice, WithoutGpusItIsMpiOnTheCpu) {
    for (const auto& asked : {options("auto"), options("mpi"), options("auto", "cpu")}) {
        const auto choice = choose_backend(asked, kCpus, 1);
        EXPECT_EQ(choice.backend, "mpi");
        EXPECT_TRUE(choice.device.is_cpu());
    }
    // One rank without a GPU takes all to the CPU: a model lives on one kind of device.
    auto mixed = kFourGpus;
    mixed[2] = on_cpu("b", 0);
    EXPECT_TRUE(choose_backend(options("auto"), mixed, 0).device.is_cpu());
    EXPECT_TRUE(choose_backend(options("auto", "cpu"), kFourGpus, 0).device.is_cpu());
    EXPECT_EQ(choose_backend(options("mpi"), kFourGpus, 3).device, at::Device(at::kCUDA, 1));
}

TEST(BackendChoice, OneRankIsLocal) {
    EXPECT_EQ(choose_backend(options("auto"), {on_cpu("a", 0)}, 0).backend, "local");
    const auto choice = choose_backend(options("auto"), {kFourGpus[0]}, 0);
    EXPECT_EQ(choice.backend, "local");
    EXPECT_EQ(choice.device, at::Device(at::kCUDA, 0));
    EXPECT_EQ(choose_backend(options("nccl"), {kFourGpus[0]}, 0).backend, "nccl");
}

TEST(BackendChoice, NcclIsNeverReplacedSilently) {
    EXPECT_THAT(refusal(options("nccl"), kCpus), testing::HasSubstr("rank 0 on a sees no GPU"));
    EXPECT_THAT(refusal(options("nccl"), kSharedGpu), testing::HasSubstr("ranks 0 and 1 on a share GPU-a0"));
    EXPECT_THAT(refusal(options("nccl", "cpu"), kFourGpus), testing::HasSubstr("comm.device is cpu"));
    EXPECT_THAT(refusal(options("auto", "cuda"), kCpus), testing::HasSubstr("rank 0 on a sees no GPU"));
    EXPECT_THAT(refusal(options("local"), kCpus), testing::HasSubstr("there are 2 ranks"));
}

TEST(BackendChoice, FactsTravelAsText) {
    for (const RankFacts& facts : {kFourGpus[3], kCpus[1]}) {
        const RankFacts copy = RankFacts::unpacked(facts.packed());
        EXPECT_EQ(copy.host, facts.host);
        EXPECT_EQ(copy.local_rank, facts.local_rank);
        EXPECT_EQ(copy.visible_gpus, facts.visible_gpus);
        EXPECT_EQ(copy.gpu_uuid, facts.gpu_uuid);
    }
}

TEST(CommOptions, ReadsItsKeysAndRefusesOthers) {
    auto document = config::Document::parse("comm: {backend: mpi, device: cpu, timeout_s: 5}", "test.yaml");
    auto root = document.root();
    auto section = root.section("comm", "communication");
    Options read;
    read.read(section);
    EXPECT_EQ(read.backend, "mpi");
    EXPECT_EQ(read.device, "cpu");
    EXPECT_EQ(read.timeout_s, 5);
    for (const char* wrong : {"comm: {backend: gloo}", "comm: {device: tpu}", "comm: {timeout_s: 0}"}) {
        auto bad = config::Document::parse(wrong, "test.yaml");
        auto bad_root = bad.root();
        auto bad_section = bad_root.section("comm", "communication");
        EXPECT_THROW(Options().read(bad_section), core::ConfigError) << wrong;
    }
}

}  // namespace
}  // namespace vox::comm
