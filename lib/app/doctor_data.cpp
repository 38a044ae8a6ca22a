#include "app/doctor_data.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include "core/text.hpp"
#include "core/timer.hpp"
#include "data/dataset_index.hpp"
#include "data/shard_reader.hpp"

namespace vox::app {
namespace {

using core::concat;
using core::ExitCode;

/// Which case is the first of each shard, in the order of the reader's cases.
std::vector<size_t> first_cases(const data::DatasetIndex& index) {
    std::set<std::string> seen;
    std::vector<size_t> first;
    for (size_t i = 0; i < index.cases.size(); ++i)
        if (seen.insert(index.cases[i].shard).second) first.push_back(i);
    return first;
}

Finding examine_contents(comm::World& world, const data::ShardReader& reader, const data::DatasetIndex& index) {
    const auto root = world.broadcast(reader.digest());
    if (root != reader.digest())
        return Finding::fails(ExitCode::bad_data,
                              "sees another dataset.json than rank 0: all nodes need the same shards");
    std::vector<std::string> regions;
    for (const auto& region : reader.scheme().regions) regions.push_back(region.name);
    const size_t train = reader.split("train").size(), val = reader.split("val").size();
    const auto codec = index.provenance.find("codec");
    const auto text =
        concat(reader.cases().size(), " cases in ", index.shards.size(), " files: ", train, " train, ", val, " val, ",
               reader.split("test").size(), " test; channels ", core::join(reader.channel_names()), "; regions ",
               core::join(regions), " (", reader.scheme().name, ")",
               codec == index.provenance.end() ? "" : concat("; codec ", codec->second));
    if (train == 0)
        return Finding::fails(ExitCode::bad_data,
                              concat(text, "; nothing to train on: convert again with a training split"));
    if (val == 0) return Finding::warning(concat(text, "; nothing to validate with: no checkpoint will be the best"));
    return Finding::ok(text);
}

core::Box central_crop(const core::Index3& volume, const core::Index3& size) {
    core::Box box;
    for (size_t axis = 0; axis < 3; ++axis) {
        box.size[axis] = std::min(volume[axis], size[axis]);
        box.start[axis] = (volume[axis] - box.size[axis]) / 2;
    }
    return box;
}

/// Each rank takes every size-th file.
Finding examine_decoding(comm::World& world, const data::ShardReader& reader, const data::DatasetIndex& index,
                         const core::Index3& crop) {
    const core::Timer timer;
    const auto first = first_cases(index);
    for (size_t i = static_cast<size_t>(world.rank()); i < first.size(); i += static_cast<size_t>(world.size())) {
        const auto& info = reader.cases()[first[i]];
        const auto box = central_crop(info.size(), crop);
        std::vector<float> image(static_cast<size_t>(info.channels() * box.voxels()));
        reader.read_image(first[i], box, image);
        if (!info.has_label) continue;
        std::vector<uint8_t> label(static_cast<size_t>(box.voxels()));
        reader.read_label(first[i], box, label);
    }
    return Finding::ok(concat("a crop of each file decodes, checksums are right (", first.size(), " files, ",
                              short_time(timer.seconds()), "); inspect_shards --verify reads them whole"));
}

struct ReadRate {
    double bytes = 0, seconds = 0;
};

/// Reads the files one after the other, for a second or up to 64 MiB, beginning with another one on each rank.
ReadRate read_files(const std::filesystem::path& folder, const data::DatasetIndex& index, int rank) {
    constexpr double kSeconds = 1;
    constexpr double kEnough = 64 << 20;
    std::vector<char> buffer(1 << 20);
    ReadRate rate;
    const core::Timer timer;
    for (size_t i = 0; i < index.shards.size() && rate.bytes < kEnough && timer.seconds() < kSeconds; ++i) {
        const auto path = folder / index.shards[(i + static_cast<size_t>(rank)) % index.shards.size()].file;
        const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (file < 0) throw core::DataError(concat(path.string(), ": cannot be opened"));
        ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);  // the kernel may keep what others read
        ssize_t count = 0;
        while (rate.bytes < kEnough && timer.seconds() < kSeconds &&
               (count = ::read(file, buffer.data(), buffer.size())) > 0)
            rate.bytes += static_cast<double>(count);
        ::close(file);
        if (count < 0)
            throw core::DataError(concat(path.string(), ": cannot be read: is the disk or the mount damaged?"));
    }
    rate.seconds = timer.seconds();
    return rate;
}

Finding examine_read_rate(comm::World& world, const std::filesystem::path& folder, const data::DatasetIndex& index) {
    ReadRate own;
    world.barrier();  // all at once, as in training
    world.together("reading shards", [&] { own = read_files(folder, index, world.rank()); });
    const auto sums = world.sum({own.bytes, own.bytes / std::max(own.seconds, 1e-9)});
    return Finding::ok(concat(core::human_bytes(sums[1]), "/s over all ranks (", core::human_bytes(sums[0]),
                              " read; what the page cache held of it came faster than the disk is)"));
}

}  // namespace

bool examine_shards(comm::World& world, Findings& findings, const std::filesystem::path& folder,
                    const data::Options& options) {
    std::unique_ptr<data::ShardReader> reader;
    data::DatasetIndex index;
    const bool opened = findings.check("shards", [&] {
        world.together("opening the shards", [&] {
            std::string digest;
            reader = std::make_unique<data::ShardReader>(folder, 0, options.fold_choice());
            index = data::read_dataset_index(folder, digest);
        });
        return examine_contents(world, *reader, index);
    });
    if (!opened) {
        findings.skip("decoding", "the shards cannot be used");
        findings.skip("reading", "the shards cannot be used");
        return false;
    }
    const bool decodes =
        findings.check("decoding", [&] { return examine_decoding(world, *reader, index, options.crop()); });
    findings.check("reading", [&] { return examine_read_rate(world, folder, index); });
    return decodes;
}

}  // namespace vox::app
